"""Fixtures every test may use: one real broker and one real database for a worker's whole run."""

from __future__ import annotations

from typing import Any

import pytest
from hexi_local.testing import database, kafka, postgres
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

__all__ = ["database", "kafka", "postgres"]

# How long an example takes tells of the machine and of who else is on it, not of our code.
settings.register_profile("hexi", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hexi")


class _WholeFiles(LoadFileScheduling):
    """A file to a worker; of chaos all files to one, or two provinces would die on two cores."""

    def _split_scope(self, nodeid: str) -> str:
        chaos = "tests/chaos/"
        return chaos if nodeid.startswith(chaos) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return _WholeFiles(config, log) if config.getvalue("dist") == "loadfile" else None
