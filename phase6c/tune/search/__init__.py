"""A search, from its options to its end."""
