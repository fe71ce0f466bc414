"""Trackers of others, MLflow and W&B: replays of a study's ledger, while it grows or after."""
