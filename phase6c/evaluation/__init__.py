"""Chooses a model and judges it: pure functions of what was predicted and what happened."""
