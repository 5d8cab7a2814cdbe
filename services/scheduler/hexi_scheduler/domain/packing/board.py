"""The costs of the shapes that are asked for, kept per slot as servers change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.capacity import Capacity
from hexi_scheduler.domain.packing.columns import BLOCK
from hexi_scheduler.domain.packing.kernel import Choices, Query, Row, find
from hexi_scheduler.domain.packing.mix import MixLearned
from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.packing.tables import prices_of, tables_of
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.pool import Pool
from hexi_scheduler.domain.workload import Resources

ROWS_MAX = 256
EVERYWHERE: NDArray[np.bool_] = np.zeros(0, np.bool_)
DEVICES_OF = [tuple(d for d in range(8) if bits >> d & 1) for bits in range(256)]

RowKey = tuple[int, int, int]


class _Shelf:
    """A row and how far it has followed the log."""

    __slots__ = ("row", "seen")

    def __init__(self, slots: int) -> None:
        self.row = Row(np.empty(slots, np.int32), np.empty(slots // BLOCK, np.int32))
        self.seen = -1


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
        self._rows: dict[RowKey, _Shelf] = {}
        self._choices: dict[tuple[RowKey, tuple[int, ...]], Choices] = {}

    def follows(self, rules: PackingRules, mix: MixLearned | None) -> bool:
        """Whether it is good for this mix as well; prices alone are easily changed."""
        if mix is self._mix and rules is self._rules:
            return True
        known = self._mix.generation if self._mix else 0
        if rules is not self._rules or mix is None or mix.generation != known:
            return False
        self._mix, self._prices = mix, prices_of(self._capacity, mix)
        self._choices.clear()
        return True

    def choose(
        self, pools: Sequence[Pool], asked: Resources, allowed: NDArray[np.bool_] | None
    ) -> Allocation | None:
        """The server of these pools that costs least, then of the lowest index."""
        capacity = self._capacity
        if not pools:
            return None
        key = (asked.cpu_milli, asked.accelerators, asked.device_milli)
        shelf = self._rows.get(key) or self._shelf(key)
        changes = capacity.changes
        begin = shelf.seen
        if changes - begin > len(capacity.columns.log):
            begin = -1
        query = Query(asked.cpu_milli, asked.memory_mib, *key[1:], begin, changes)
        among = self._among(key, pools)
        if allowed is not None:
            among = among._replace(allowed=allowed)
        slot, bits = find(capacity.columns, self._tables, shelf.row, query, among)
        shelf.seen = changes
        if slot < 0:
            return None
        server = int(capacity.columns.server_of[slot])
        if not bits:
            return Allocation(server, (), 0)
        devices = DEVICES_OF[bits] if bits < len(DEVICES_OF) else _devices(bits)
        return Allocation(server, devices, asked.device_milli)

    def _shelf(self, key: RowKey) -> _Shelf:
        if len(self._rows) >= ROWS_MAX:
            del self._rows[min(self._rows, key=lambda known: self._rows[known].seen)]
        made = self._rows[key] = _Shelf(len(self._capacity.columns.cpu_milli))
        return made

    def _among(self, key: RowKey, pools: Sequence[Pool]) -> Choices:
        name = (key, tuple([pool.number for pool in pools]))
        found = self._choices.get(name)
        if found is None:
            if len(self._choices) >= 8 * ROWS_MAX:
                self._choices.clear()
            cpu, devices = key[0], key[1] * key[2]
            prices = [self._prices[pool.number] for pool in pools]
            found = self._choices[name] = Choices(
                np.array([pool.slots.start // BLOCK for pool in pools], np.int64),
                np.array([-(-pool.slots.stop // BLOCK) for pool in pools], np.int64),
                np.array([cpu * c + devices * d for d, c in prices], np.int64),
                EVERYWHERE,
            )
        return found


def _devices(bits: int) -> tuple[int, ...]:
    return tuple(device for device in range(bits.bit_length()) if bits >> device & 1)
