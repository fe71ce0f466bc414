"""Search spaces: a small module for each budget, data rather than code."""
