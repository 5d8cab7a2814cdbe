"""The costs of the shapes that are asked for, kept per slot as servers change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.packing.bits import devices_of
from hexi_scheduler.domain.packing.columns import BLOCK, UNKNOWN, WORTH
from hexi_scheduler.domain.packing.mix import MixLearned
from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.packing.search import UNSEEN, find
from hexi_scheduler.domain.packing.tables import prices_of, tables_of
from hexi_scheduler.domain.place.capacity import Capacity, Tiers
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.workload import Resources

ROWS_MAX = 256
PLANS_MAX = 8_192
EVERYWHERE: NDArray[np.bool_] = np.zeros(0, np.bool_)

Shape = tuple[int, int, int]  # vCPU, devices, milli


class _Row:
    """What one shape costs on each slot, pool by pool as they are asked for."""

    __slots__ = ("costs", "used")

    def __init__(self, slots: int, pools: int) -> None:
        self.costs = np.empty(slots + slots // BLOCK + pools, np.int32)
        self.costs[slots + slots // BLOCK :] = UNSEEN
        self.used = 0  # how often the board had been asked then


class _Plan(NamedTuple):
    """A query as the kernel takes it, made once for what is asked of which tiers."""

    row: _Row
    query: NDArray[np.int64]
    asked: Resources
    tiers: Tiers


class Board:
    """Good for one generation of the mix; a row is made when its shape is first asked for.

    The log lets a row catch up with what changed since it was last looked at, so a decision costs
    the same however many servers there are and however much runs.
    """

    # fmt: off
    __slots__ = (
        "_asked", "_capacity", "_mix", "_near", "_plans", "_prices", "_rows", "_rules", "_tables",
    )
    # fmt: on

    def __init__(self, capacity: Capacity, rules: PackingRules, mix: MixLearned | None) -> None:
        self._mix, self._rules = mix, rules
        self._capacity = capacity
        self._tables = tables_of(capacity, rules, mix)
        self._prices = prices_of(capacity, mix)
        capacity.columns.cells[:, WORTH] = UNKNOWN
        self._asked = 0
        self._rows: dict[Shape, _Row] = {}
        self._plans: dict[tuple[Resources, Tiers], _Plan] = {}
        # The same by identity, which is much cheaper to look up. A plan holds what it is of.
        self._near: dict[tuple[int, int], _Plan] = {}

    def follows(self, rules: PackingRules, mix: MixLearned | None) -> bool:
        """Whether it is good for this mix as well; prices alone are easily changed."""
        if mix is self._mix and rules is self._rules:
            return True
        known = self._mix.generation if self._mix else 0
        if rules is not self._rules or mix is None or mix.generation != known:
            return False
        self._mix, self._prices = mix, prices_of(self._capacity, mix)
        self._forget_plans()
        return True

    def choose(
        self, tiers: Tiers, asked: Resources, allowed: NDArray[np.bool_] | None
    ) -> Allocation | None:
        """Of the first tier with room, the server that costs least, then of the lowest index."""
        plan = self._near.get((id(asked), id(tiers))) or self._plan(asked, tiers)
        plan.row.used = self._asked = self._asked + 1
        capacity = self._capacity
        everywhere = EVERYWHERE if allowed is None else allowed
        slot, bits = find(capacity.columns, self._tables, plan.row.costs, plan.query, everywhere)
        if slot < 0:
            return None
        milli = asked.device_milli if bits else 0
        return Allocation(capacity.server_at(slot), devices_of(bits), milli)

    def _plan(self, asked: Resources, tiers: Tiers) -> _Plan:
        if len(self._near) >= PLANS_MAX:
            self._forget_plans()
        plan = self._plans.get((asked, tiers))
        if plan is None:
            plan = self._plans[asked, tiers] = self._made(asked, tiers)
        self._near[id(asked), id(tiers)] = plan._replace(asked=asked, tiers=tiers)
        return plan

    def _made(self, asked: Resources, tiers: Tiers) -> _Plan:
        shape = (asked.cpu_milli, asked.accelerators, asked.device_milli)
        numbers = [shape[0], asked.memory_mib, *shape[1:]]
        for tier, pools in enumerate(tiers):
            for pool in pools:
                device, cpu = self._prices[pool.number]
                price = shape[0] * cpu + shape[1] * shape[2] * device
                first, end = pool.slots.start // BLOCK, -(-pool.slots.stop // BLOCK)
                numbers += [pool.number, first, end, price, tier]
        return _Plan(self._row(shape), np.array(numbers, np.int64), asked, tiers)

    def _forget_plans(self) -> None:
        self._plans.clear()
        self._near.clear()

    def _row(self, shape: Shape) -> _Row:
        found = self._rows.get(shape)
        if found is None:
            if len(self._rows) >= ROWS_MAX:
                del self._rows[min(self._rows, key=lambda known: self._rows[known].used)]
                self._forget_plans()
            found = self._rows[shape] = _Row(
                self._capacity.columns.slots, len(self._capacity.pools)
            )
        return found
