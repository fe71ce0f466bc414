"""Probes: matched contrasts, from their options to their end."""
