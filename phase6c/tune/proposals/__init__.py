"""The configurations that a search tries next."""
