"""Checks computed from the logs and the database alone, after everything has stopped moving."""
