"""Free capacity of a site's servers: columns by slot, and one pool per class and executor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.facts import Condition, Server
from hexi_scheduler.domain.packing.bits import bits_of
from hexi_scheduler.domain.packing.columns import (
    BLOCK,
    CPU,
    CPU_TOTAL,
    DEVICES,
    MEMORY,
    POOL,
    SERVER,
    SHUT,
    blank,
)
from hexi_scheduler.domain.packing.mix import MixLearned
from hexi_scheduler.domain.packing.moves import move, note
from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.place.pool import Free, Pool
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.workload import WHOLE, Resources

Kind = tuple[str, str]  # class, executor
Tiers = tuple[tuple[Pool, ...], ...]  # a later one is looked at when no earlier one has room


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
        self, tiers: Tiers, asked: Resources, allowed: NDArray[np.bool_] | None
    ) -> Allocation | None: ...


class Capacity:
    """Invariant: a pool's sums are those of its servers that no condition bars.

    Whoever keeps something per slot catches up by `columns.log`.
    """

    # fmt: off
    __slots__ = (
        "_cells", "_numbered", "_out", "_slots", "_width", "board", "columns", "kinds", "pools",
        "servers",
    )
    # fmt: on

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
        # Single numbers are read through a view: several times faster than by numpy.
        self._cells: memoryview[int] = self.columns.cells.reshape(-1).data
        self._width = self.columns.cells.shape[1]
        slots = np.zeros(len(servers), np.int32)
        start = 0
        for number, kind in enumerate(order):
            slots[members[kind]] = start + np.arange(len(members[kind]))
            start = self._settle(number, kind, members[kind], start)
        self._slots: memoryview[int] = slots.data
        self._numbered: tuple[Pool, ...] = tuple(self.pools.values())

    def free(self, server: int) -> Free:
        cell = self._slots[server] * self._width
        cpu, memory = self._cells[cell + CPU], self._cells[cell + MEMORY]
        return cpu, memory, tuple(sorted(self.devices(server)))

    def devices(self, server: int) -> list[int]:
        """Free milli of each device, by its number."""
        cell = self._slots[server] * self._width
        return [m for m in self._cells[cell + DEVICES : cell + self._width] if m >= 0]

    def server_at(self, slot: int) -> int:
        return int(self._cells[slot * self._width + SERVER])

    def pool(self, server: int) -> Pool:
        number: int = self._cells[self._slots[server] * self._width + POOL]
        return self._numbered[number]

    def bar(self, condition: Condition, servers: Iterable[int]) -> None:
        """Exactly these servers are out for this condition from now on."""
        bit = 1 << condition
        before = self._out.get(condition, frozenset())
        now = frozenset(server for server in servers if server < len(self.servers))
        self._out[condition] = now
        for server in sorted(before ^ now):
            slot = self._slots[server]
            before_bits = self._cells[slot * self._width + SHUT]
            bits = self._cells[slot * self._width + SHUT] = before_bits ^ bit
            if not before_bits:
                self.pool(server).count(-1, self.free(server))
            elif not bits:
                self.pool(server).count(1, self.free(server))
            note(*self.columns, slot)

    def barred(self, server: int) -> bool:
        return bool(self._cells[self._slots[server] * self._width + SHUT])

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
        server, devices, milli = allocation
        change = -asked.cpu_milli, -asked.memory_mib, bits_of(devices), -milli
        move(*self.columns, self._slots[server], change)

    def give(self, allocation: Allocation, asked: Resources) -> None:
        server, devices, milli = allocation
        change = asked.cpu_milli, asked.memory_mib, bits_of(devices), milli
        move(*self.columns, self._slots[server], change)

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
        pool.count_all()
        return start + -(-len(members) // BLOCK) * BLOCK
