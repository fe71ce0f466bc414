"""The simpler models that every transformer is held against on the same rows."""
