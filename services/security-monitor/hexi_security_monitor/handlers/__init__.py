"""Verbs of the security monitor, one transaction each."""
