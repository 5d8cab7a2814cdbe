"""The only place where generated messages and domain values meet."""
