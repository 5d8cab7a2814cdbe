"""Fixtures every test may use: one real broker and one real database for the whole run."""

from hexi_local.testing import database, kafka, postgres

__all__ = ["database", "kafka", "postgres"]
