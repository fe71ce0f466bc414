"""What the trials of a search tell: effects, importance, winner, contrasts, correction."""
