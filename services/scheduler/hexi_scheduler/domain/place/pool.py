"""The servers of one class and executor: a range of slots, and what they have free together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.packing.columns import (
    CPU,
    CPU_FREE,
    CPU_UNITS,
    DEVICES,
    MEMORY,
    MEMORY_FREE,
    MILLI_FREE,
    SERVER,
    SHUT,
    UNITS_FREE,
    Columns,
    Int32s,
)
from hexi_scheduler.domain.workload import CPU_MILLI_PER_UNIT, GENERAL, WHOLE, Demand, Resources

Free = tuple[int, int, tuple[int, ...]]  # cpu milli, memory MiB, free milli per device, sorted


class Pool:
    """The sums are kept as servers change; the rest is counted over the columns when asked."""

    __slots__ = ("_columns", "_sums", "is_general", "kind", "number", "servers", "slots")

    def __init__(self, number: int, kind: tuple[str, str], columns: Columns, slots: slice) -> None:
        self.number, self.kind, self.slots = number, kind, slots
        self.servers = 0
        self.is_general = kind[0] == GENERAL
        self._columns = columns
        self._sums: memoryview[int] = columns.pools[number].data
        self._sums[CPU_UNITS] = int(self.is_general)

    @property
    def cpu_milli(self) -> int:
        return self._sums[CPU_FREE]

    @property
    def memory_mib(self) -> int:
        return self._sums[MEMORY_FREE]

    @property
    def device_milli(self) -> int:
        return self._sums[MILLI_FREE]

    @property
    def units_free(self) -> int:
        """Wholly free devices, or whole vCPUs: what is left over on two servers is not a unit."""
        return self._sums[UNITS_FREE]

    def count_all(self) -> None:
        """All its servers, as they come into service together."""
        cells, sums = self._columns.cells[self.slots], self._sums
        devices = cells[:, DEVICES:]
        self.servers = len(cells)
        sums[CPU_FREE] = int(cells[:, CPU].sum(dtype=np.int64))
        sums[MEMORY_FREE] = int(cells[:, MEMORY].sum(dtype=np.int64))
        sums[MILLI_FREE] = int(devices.sum(where=devices >= 0, dtype=np.int64))
        whole_cpus = (cells[:, CPU] // CPU_MILLI_PER_UNIT).sum(dtype=np.int64)
        sums[UNITS_FREE] = int(whole_cpus if self.is_general else (devices == WHOLE).sum())

    def count(self, sign: int, free: Free) -> None:
        """A server comes into service, or leaves it, with this much free."""
        sums = self._sums
        sums[CPU_FREE] += sign * free[0]
        sums[MEMORY_FREE] += sign * free[1]
        sums[MILLI_FREE] += sign * sum(free[2])
        sums[UNITS_FREE] += sign * (
            free[0] // CPU_MILLI_PER_UNIT if self.is_general else free[2].count(WHOLE)
        )
        self.servers += sign

    def may_hold(self, demand: Demand) -> bool:
        """False where all its servers together have too little: cheaper than to look at each."""
        cpu_milli, memory_mib, milli = demand.sums
        return (
            self.cpu_milli >= cpu_milli
            and self.memory_mib >= memory_mib
            and self.device_milli >= milli
            and (demand.resources.device_milli < WHOLE or self.units_free * WHOLE >= milli)
        )

    def states(self) -> Iterator[tuple[Free, int]]:
        """Every state of free capacity and how many servers are in it."""
        states = Counter(
            (row[CPU], row[MEMORY], tuple(sorted(m for m in row[DEVICES:] if m >= 0)))
            for row in self._open().tolist()
        )
        yield from states.items()

    def most(self) -> tuple[int, int]:
        """The most vCPU and the most memory that one server has free."""
        cells = self._open()
        return int(cells[:, CPU].max(initial=0)), int(cells[:, MEMORY].max(initial=0))

    def with_wholes(self, most: int) -> tuple[int, ...]:
        """How many servers have at least 1, 2 … `most` wholly free devices."""
        wholes = (self._open()[:, DEVICES:] == WHOLE).sum(axis=1)
        exactly = np.bincount(wholes, minlength=most + 1)
        return tuple(exactly[::-1].cumsum()[::-1][1 : most + 1].tolist())

    def short_of(self, asked: Resources) -> tuple[int, int, int, int]:
        """Servers that lack devices, else vCPU, else memory, and those with room."""
        cells = self._open()
        devices = _with_devices(cells, asked)
        cpu = devices & (cells[:, CPU] >= asked.cpu_milli)
        room = cpu & (cells[:, MEMORY] >= asked.memory_mib)
        counts = [len(cells), *(int(np.count_nonzero(who)) for who in (devices, cpu, room))]
        return counts[0] - counts[1], counts[1] - counts[2], counts[2] - counts[3], counts[3]

    def holding(self, asked: Resources) -> list[int]:
        """Servers in service with room for a replica, by index."""
        cells = self._open()
        room = _with_devices(cells, asked) & (cells[:, CPU] >= asked.cpu_milli)
        room &= cells[:, MEMORY] >= asked.memory_mib
        return sorted(cells[room, SERVER].tolist())

    def _open(self) -> Int32s:
        """Cells of servers in service."""
        cells = self._columns.cells[self.slots]
        return cells if self.servers == len(cells) else cells[cells[:, SHUT] == 0]


def _with_devices(cells: Int32s, asked: Resources) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (cells[:, DEVICES:] >= asked.device_milli).sum(
        axis=1
    ) >= asked.accelerators
    return found
