"""Sections, tables and pictures, and the page that they make."""
