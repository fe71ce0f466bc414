"""Logits, calibrators, metrics, probability health and the bootstrap."""
