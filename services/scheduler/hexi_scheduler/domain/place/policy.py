"""Which server of some tiers of pools gets a replica."""

from __future__ import annotations

from importlib import import_module
from itertools import chain
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.facts import Server
from hexi_scheduler.domain.packing.board import Board
from hexi_scheduler.domain.packing.columns import CPU, DEVICES, MEMORY, SERVER, SHUT
from hexi_scheduler.domain.packing.mix import MixLearned
from hexi_scheduler.domain.packing.rules import NO_LEARNING, PackingRules
from hexi_scheduler.domain.place.capacity import Capacity, Tiers
from hexi_scheduler.domain.place.pool import Pool
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.workload import FLEET, GENERAL, WHOLE, Resources

Allowed = NDArray[np.bool_] | None  # by server; None: all


class Policy(Protocol):
    """Chooses among servers in service; a function of their free capacities and the mix alone."""

    rules: PackingRules

    def choose(
        self,
        capacity: Capacity,
        mix: MixLearned | None,
        tiers: Tiers,
        asked: Resources,
        allowed: Allowed = None,
    ) -> Allocation | None: ...


class Packing:
    """Least cost to the work that will come, by the mix of what came."""

    def __init__(self, rules: PackingRules) -> None:
        self.rules = rules

    def choose(
        self,
        capacity: Capacity,
        mix: MixLearned | None,
        tiers: Tiers,
        asked: Resources,
        allowed: Allowed = None,
    ) -> Allocation | None:
        board = capacity.board
        if board is None or not board.follows(self.rules, mix):
            board = capacity.board = Board(capacity, self.rules, mix)
        return board.choose(tiers, asked, allowed)

    def warm_up(self) -> None:
        """Load what is compiled, or compile it where that was never done, before time counts."""
        for solver in ("bids", "values"):
            import_module(f"hexi_scheduler.domain.packing.{solver}")
        capacity = Capacity([Server("", GENERAL, FLEET, 1, 1, 0)])
        self.choose(capacity, None, (tuple(capacity.pools.values()),), Resources(1, 1))


class BestFit:
    """Leaves least behind on the server it takes: devices first, then vCPU, memory, lowest index.

    Looks at every server: for histories that were decided so, and to compare with.
    """

    rules = NO_LEARNING

    def choose(
        self,
        capacity: Capacity,
        mix: MixLearned | None,
        tiers: Tiers,
        asked: Resources,
        allowed: Allowed = None,
    ) -> Allocation | None:
        for pool in chain.from_iterable(tiers):
            server = _best_fit(capacity, pool, asked, allowed)
            if server is not None:
                return Allocation(*_devices_for(capacity.devices(server), server, asked))
        return None


def _best_fit(capacity: Capacity, pool: Pool, asked: Resources, allowed: Allowed) -> int | None:
    cells, share = capacity.columns.cells[pool.slots], asked.device_milli
    fits = (cells[:, SHUT] == 0) & (cells[:, CPU] >= asked.cpu_milli)
    fits &= cells[:, MEMORY] >= asked.memory_mib
    fits &= (cells[:, DEVICES:] >= share).sum(axis=1) >= asked.accelerators
    if allowed is not None:
        fits &= allowed[cells[:, SERVER]]
    cells = cells[fits]
    if not len(cells):
        return None
    devices = cells[:, DEVICES:]
    free = np.sort(np.where(devices < 0, WHOLE + 1, devices), axis=1)
    free[free > WHOLE] = -1
    wholes = (free == WHOLE).sum(axis=1)
    broken = np.where(free < WHOLE, free, 0).max(axis=1, initial=0)
    level = [wholes, broken]
    if asked.accelerators and share < WHOLE:
        # A share goes to a device that is broken already before it breaks a whole one.
        unbroken = broken < share
        level = [unbroken, np.where(unbroken, wholes, broken), np.where(unbroken, broken, wholes)]
    keys = [*level, cells[:, CPU], cells[:, MEMORY], *free.T, cells[:, SERVER]]
    return int(cells[np.lexsort(keys[::-1])[0], SERVER])


def _devices_for(
    free: list[int], server: int, asked: Resources
) -> tuple[int, tuple[int, ...], int]:
    """Those with least room to spare, of the lowest numbers."""
    if not asked.accelerators:
        return server, (), 0
    share = asked.device_milli
    room = sorted((milli, device) for device, milli in enumerate(free) if milli >= share)
    chosen = sorted(device for _, device in room[: asked.accelerators])
    return server, tuple(chosen), share
