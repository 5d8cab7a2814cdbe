"""Which server of a pool gets a replica."""

from __future__ import annotations

from typing import Protocol

from hexi_scheduler.domain.pool import Pool
from hexi_scheduler.domain.workload import Resources


class Policy(Protocol):
    """Chooses among servers in service; a function of their free capacities alone."""

    def choose(self, pool: Pool, asked: Resources) -> int | None: ...


class BestFit:
    """Leaves least behind on the server it takes."""

    def choose(self, pool: Pool, asked: Resources) -> int | None:
        return pool.best_fit(asked)
