"""Runs the trials of any job on Ray Tune."""
