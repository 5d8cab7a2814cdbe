"""Schema of the security monitor, in order."""
