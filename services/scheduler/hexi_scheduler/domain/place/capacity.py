"""Free capacity of a site's servers: columns by slot, and one pool per class and executor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.facts import Condition, Server
from hexi_scheduler.domain.packing.columns import (
    BLOCK,
    CPU,
    CPU_TOTAL,
    DEVICES,
    LAST,
    MEMORY,
    SERVER,
    SHUT,
    TURN,
    blank,
)
from hexi_scheduler.domain.packing.mix import MixLearned
from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.place.pool import Free, Pool
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.workload import CPU_MILLI_PER_UNIT, WHOLE, Resources

Kind = tuple[str, str]  # class, executor


class Largest(NamedTuple):
    """How many servers there are of a kind, and the most that one of them has."""

    servers: int = 0
    cpu_milli: int = 0
    memory_mib: int = 0
    accelerators: int = 0
    accelerators_all: int = 0
    cpu_milli_all: int = 0

    def including(self, server: Server) -> Largest:
        return Largest(
            self.servers + 1,
            max(self.cpu_milli, server.cpu_milli),
            max(self.memory_mib, server.memory_mib),
            max(self.accelerators, server.accelerators),
            self.accelerators_all + server.accelerators,
            self.cpu_milli_all + server.cpu_milli,
        )


class SlotBoard(Protocol):
    """What packing keeps per slot from one decision to the next."""

    def follows(self, rules: PackingRules, mix: MixLearned | None) -> bool: ...

    def choose(
        self, pools: tuple[Pool, ...], asked: Resources, allowed: NDArray[np.bool_] | None
    ) -> Allocation | None: ...


class Capacity:
    """Invariant: a pool's sums are those of its servers that no condition bars.

    Whoever keeps something per slot catches up by `columns.log`.
    """

    def __init__(self, servers: Sequence[Server]) -> None:
        self.servers = servers
        self.kinds: dict[Kind, Largest] = {}
        members: dict[Kind, list[int]] = {}
        for index, server in enumerate(servers):
            kind = (server.class_id, server.executor)
            members.setdefault(kind, []).append(index)
            self.kinds[kind] = self.kinds.get(kind, Largest()).including(server)
        order = sorted(members)
        most = max((largest.accelerators for largest in self.kinds.values()), default=0)
        self.columns = blank([len(members[kind]) for kind in order], most)
        self.pools: dict[Kind, Pool] = {}
        self.board: SlotBoard | None = None
        self._out: dict[Condition, frozenset[int]] = {}
        # Single numbers are read and written through a view: several times faster than by numpy.
        self._cells = self.columns.cells.reshape(-1).data
        self._width = self.columns.cells.shape[1]
        self._log = self.columns.log.data
        first = np.zeros(len(servers), np.int64)
        start = 0
        for number, kind in enumerate(order):
            first[members[kind]] = (start + np.arange(len(members[kind]))) * self._width
            start = self._settle(number, kind, members[kind], start)
        self._first = first.data  # of each server's cells
        self._pool_of = [self.pools[server.class_id, server.executor] for server in servers]

    def free(self, server: int) -> Free:
        cell = self._first[server]
        cpu, memory = self._cells[cell + CPU], self._cells[cell + MEMORY]
        return cpu, memory, tuple(sorted(self.devices(server)))

    def devices(self, server: int) -> list[int]:
        """Free milli of each device, by its number."""
        cell = self._first[server]
        return [m for m in self._cells[cell + DEVICES : cell + self._width] if m >= 0]

    def server_at(self, slot: int) -> int:
        return int(self._cells[slot * self._width + SERVER])

    def pool(self, server: int) -> Pool:
        return self._pool_of[server]

    def bar(self, condition: Condition, servers: Iterable[int]) -> None:
        """Exactly these servers are out for this condition from now on."""
        bit = 1 << condition
        before = self._out.get(condition, frozenset())
        now = frozenset(server for server in servers if server < len(self.servers))
        self._out[condition] = now
        for server in sorted(before ^ now):
            cell = self._first[server]
            before_bits = self._cells[cell + SHUT]
            bits = self._cells[cell + SHUT] = before_bits ^ bit
            if not before_bits:
                self._pool_of[server].count(-1, self.free(server))
            elif not bits:
                self._pool_of[server].count(1, self.free(server))
            self._changed(cell, self._pool_of[server])

    def barred(self, server: int) -> bool:
        return bool(self._cells[self._first[server] + SHUT])

    def fits(self, allocation: Allocation, asked: Resources) -> bool:
        """The allocation can be taken on these very devices."""
        server, devices, milli = allocation
        if not self.knows(server):
            return False
        cpu, memory, _ = self.free(server)
        free = self.devices(server)
        return (
            cpu >= asked.cpu_milli
            and memory >= asked.memory_mib
            and all(device < len(free) and free[device] >= milli for device in devices)
        )

    def knows(self, server: int) -> bool:
        return server < len(self.servers)

    def take(self, allocation: Allocation, asked: Resources) -> None:
        self._move(allocation, asked, -1)

    def give(self, allocation: Allocation, asked: Resources) -> None:
        self._move(allocation, asked, 1)

    def _move(self, allocation: Allocation, asked: Resources, sign: int) -> None:
        server, devices, milli = allocation
        cells, cell = self._cells, self._first[server]
        cpu, memory = sign * asked.cpu_milli, sign * asked.memory_mib
        pool = self._pool_of[server]
        before, wholes = cells[cell], 0
        cells[cell] = before + cpu  # CPU is the first column
        cells[cell + MEMORY] += memory
        if devices:
            milli *= sign
            for at in devices:
                had = cells[cell + DEVICES + at]
                has = cells[cell + DEVICES + at] = had + milli
                wholes += (has == WHOLE) - (had == WHOLE)
        if not cells[cell + SHUT]:
            pool.units_free += (
                (before + cpu) // CPU_MILLI_PER_UNIT - before // CPU_MILLI_PER_UNIT
                if pool.is_general
                else wholes
            )
            pool.cpu_milli += cpu
            pool.memory_mib += memory
            if devices:
                pool.device_milli += milli * len(devices)
        self._changed(cell, pool)

    def _changed(self, cell: int, pool: Pool) -> None:
        log, (begin, mask) = self._log, pool.ring
        change = log[begin]
        log[begin + 1 + (change & mask)] = cell // self._width
        self._cells[cell + LAST] = change
        log[begin] = (change + 1) & TURN

    def _settle(self, number: int, kind: Kind, members: list[int], start: int) -> int:
        """Give the servers of a pool their slots; the first slot of the next pool."""
        own = slice(start, start + len(members))
        cells, servers = self.columns.cells[own], [self.servers[index] for index in members]
        cells[:, SERVER] = members
        cells[:, CPU] = cells[:, CPU_TOTAL] = [server.cpu_milli for server in servers]
        cells[:, MEMORY] = [server.memory_mib for server in servers]
        counts = np.array([server.accelerators for server in servers])
        devices = np.arange(self.columns.devices_max) < counts[:, None]
        cells[:, DEVICES:] = np.where(devices, WHOLE, -1)
        cells[:, SHUT] = 0
        pool = self.pools[kind] = Pool(number, kind, self.columns, own)
        pool.servers = len(members)
        pool.cpu_milli = int(cells[:, CPU].sum(dtype=np.int64))
        pool.memory_mib = int(cells[:, MEMORY].sum(dtype=np.int64))
        pool.device_milli = int(counts.sum()) * WHOLE
        whole_cpus = cells[:, CPU] // CPU_MILLI_PER_UNIT
        pool.units_free = int(whole_cpus.sum() if pool.is_general else counts.sum())
        return start + -(-len(members) // BLOCK) * BLOCK
