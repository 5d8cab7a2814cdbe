"""Fixtures every test may use: one real broker and one real database for a whole run."""

from hexi_local.testing import database, kafka, postgres
from hypothesis import HealthCheck, settings

__all__ = ["database", "kafka", "postgres"]

# How long an example takes tells of the machine and of who else is on it, not of our code.
settings.register_profile("hexi", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hexi")
