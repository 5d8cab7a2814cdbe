"""The Postgres door."""
