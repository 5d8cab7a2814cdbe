"""Decides what events mean: pure, no I/O."""
