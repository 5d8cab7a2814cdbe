"""Replay of what the scheduler decided, and a province on simulated time."""
