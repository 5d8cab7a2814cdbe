"""The costs of the shapes that are asked for, kept per slot as servers change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.packing.columns import BLOCK, NOT_YET, WORTH_AT
from hexi_scheduler.domain.packing.kernel import UNSEEN, find
from hexi_scheduler.domain.packing.mix import MixLearned
from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.packing.tables import prices_of, tables_of
from hexi_scheduler.domain.place.capacity import Capacity
from hexi_scheduler.domain.place.pool import Pool
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.workload import Resources

ROWS_MAX = 256
PLANS_MAX = 8_192
EVERYWHERE: NDArray[np.bool_] = np.zeros(0, np.bool_)
DEVICES_OF = [tuple(d for d in range(8) if bits >> d & 1) for bits in range(256)]

Shape = tuple[int, int, int]  # vCPU, devices, milli


class _Row:
    """What one shape costs on each slot, pool by pool as they are asked for."""

    __slots__ = ("costs", "used")

    def __init__(self, slots: int, pools: int) -> None:
        self.costs = np.empty(slots + slots // BLOCK + pools, np.int32)
        self.costs[slots + slots // BLOCK :] = UNSEEN
        self.used = 0  # how often the board had been asked then


class _Plan(NamedTuple):
    """A query as the kernel takes it, made once for what is asked of which pools."""

    row: _Row
    query: NDArray[np.int64]


class Board:
    """Good for one generation of the mix; a row is made when its shape is first asked for.

    The log lets a row catch up with what changed since it was last looked at, so a decision costs
    the same however many servers there are and however much runs.
    """

    def __init__(self, capacity: Capacity, rules: PackingRules, mix: MixLearned | None) -> None:
        self._mix, self._rules = mix, rules
        self._capacity = capacity
        self._tables = tables_of(capacity, rules, mix)
        self._prices = prices_of(capacity, mix)
        capacity.columns.cells[:, WORTH_AT] = NOT_YET
        self._asked = 0
        self._rows: dict[Shape, _Row] = {}
        self._plans: dict[tuple[Resources, tuple[Pool, ...]], _Plan] = {}

    def follows(self, rules: PackingRules, mix: MixLearned | None) -> bool:
        """Whether it is good for this mix as well; prices alone are easily changed."""
        if mix is self._mix and rules is self._rules:
            return True
        known = self._mix.generation if self._mix else 0
        if rules is not self._rules or mix is None or mix.generation != known:
            return False
        self._mix, self._prices = mix, prices_of(self._capacity, mix)
        self._plans.clear()
        return True

    def choose(
        self, pools: tuple[Pool, ...], asked: Resources, allowed: NDArray[np.bool_] | None
    ) -> Allocation | None:
        """The server of these pools that costs least, then of the lowest index."""
        plan = self._plans.get((asked, pools))
        if plan is None:
            plan = self._plan(asked, pools)
        capacity, (row, query) = self._capacity, plan
        cells, log, _ = capacity.columns
        row.used = self._asked = self._asked + 1
        everywhere = EVERYWHERE if allowed is None else allowed
        slot, bits = find(cells, log, self._tables, row.costs, query, everywhere)
        if slot < 0:
            return None
        server = capacity.server_at(slot)
        if not bits:
            return Allocation(server, (), 0)
        devices = DEVICES_OF[bits] if bits < len(DEVICES_OF) else _devices(bits)
        return Allocation(server, devices, asked.device_milli)

    def _plan(self, asked: Resources, pools: tuple[Pool, ...]) -> _Plan:
        if len(self._plans) >= PLANS_MAX:
            self._plans.clear()
        shape = (asked.cpu_milli, asked.accelerators, asked.device_milli)
        numbers = [shape[0], asked.memory_mib, *shape[1:]]
        for pool in pools:
            device, cpu = self._prices[pool.number]
            price = shape[0] * cpu + shape[1] * shape[2] * device
            first, end = pool.slots.start // BLOCK, -(-pool.slots.stop // BLOCK)
            numbers += [pool.number, first, end, price, *pool.ring]
        plan = self._plans[asked, pools] = _Plan(self._row(shape), np.array(numbers, np.int64))
        return plan

    def _row(self, shape: Shape) -> _Row:
        found = self._rows.get(shape)
        if found is None:
            if len(self._rows) >= ROWS_MAX:
                del self._rows[min(self._rows, key=lambda known: self._rows[known].used)]
                self._plans.clear()
            found = self._rows[shape] = _Row(
                self._capacity.columns.slots, len(self._capacity.pools)
            )
        return found


def _devices(bits: int) -> tuple[int, ...]:
    return tuple(device for device in range(bits.bit_length()) if bits >> device & 1)
