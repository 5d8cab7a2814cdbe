"""Postgres as services see it: one transaction for effect, mark and outgoing events."""
