"""Which trials a search stops early: forecasts, rungs, decisions and what they cost."""
