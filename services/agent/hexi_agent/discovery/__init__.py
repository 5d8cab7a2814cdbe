"""Finds out what stands at a site, and says what has changed before anything is published."""
