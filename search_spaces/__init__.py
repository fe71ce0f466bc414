"""Search spaces: one small module per budget, data rather than code."""
