"""Machines that join a cluster: waiting for them, and what each must have."""
