"""Matched contrasts, from their options to their end."""
