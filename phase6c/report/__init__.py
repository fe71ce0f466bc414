"""Reading a search: what mattered, what was never tried, and how good the probabilities are."""
