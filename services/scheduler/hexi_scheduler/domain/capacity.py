"""Free capacity of a site's servers: columns by slot, and one pool per class and executor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from hexi_scheduler.domain.facts import Condition, Server
from hexi_scheduler.domain.packing.columns import BLOCK, Int32s, blank
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.pool import Free, Pool
from hexi_scheduler.domain.workload import WHOLE, Resources

Kind = tuple[str, str]  # class, executor


class Largest(NamedTuple):
    """How many servers there are of a kind, and the most that one of them has."""

    servers: int = 0
    cpu_milli: int = 0
    memory_mib: int = 0
    accelerators: int = 0
    accelerators_all: int = 0

    def including(self, server: Server) -> Largest:
        return Largest(
            self.servers + 1,
            max(self.cpu_milli, server.cpu_milli),
            max(self.memory_mib, server.memory_mib),
            max(self.accelerators, server.accelerators),
            self.accelerators_all + server.accelerators,
        )


class Capacity:
    """Invariant: a pool's sums are those of its servers that no condition bars.

    Whoever keeps something per slot catches up by `columns.log`, up to `changes`.
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
        self.changes = 0
        self.board: object = None  # what a policy keeps per slot
        self._out: dict[Condition, frozenset[int]] = {}
        self._pool_of: list[Pool] = []
        slots = np.zeros(len(servers), np.int32)
        start = 0
        for number, kind in enumerate(order):
            start = self._settle(number, kind, members[kind], slots, start)
        self._pool_of = [self.pools[server.class_id, server.executor] for server in servers]
        self._view(slots)

    def free(self, server: int) -> Free:
        slot = self._slots[server]
        return self._cpu[slot], self._memory[slot], tuple(sorted(self._devices_of(slot)))

    def devices(self, server: int) -> list[int]:
        """Free milli of each device, by its number."""
        return self._devices_of(self._slots[server])

    def pool(self, server: int) -> Pool:
        return self._pool_of[server]

    def slot(self, server: int) -> int:
        return self._slots[server]

    def bar(self, condition: Condition, servers: Iterable[int]) -> None:
        """Exactly these servers are out for this condition from now on."""
        bit = 1 << condition
        before = self._out.get(condition, frozenset())
        now = frozenset(server for server in servers if server < len(self.servers))
        self._out[condition] = now
        for server in sorted(before ^ now):
            slot = self._slots[server]
            barred = self._shut[slot] ^ bit
            if not self._shut[slot]:
                self._pool_of[server].count(-1, self.free(server))
            elif not barred:
                self._pool_of[server].count(1, self.free(server))
            self._shut[slot] = barred
            self._changed(slot)

    def barred(self, server: int) -> bool:
        return bool(self._shut[self._slots[server]])

    def fits(self, allocation: Allocation, asked: Resources) -> bool:
        """The allocation can be taken on these very devices."""
        server, devices, milli = allocation
        if not self.knows(server):
            return False
        slot = self._slots[server]
        free = self._devices_of(slot)
        return (
            self._cpu[slot] >= asked.cpu_milli
            and self._memory[slot] >= asked.memory_mib
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
        slot = self._slots[server]
        cpu, memory = sign * asked.cpu_milli, sign * asked.memory_mib
        self._cpu[slot] += cpu
        self._memory[slot] += memory
        if devices:
            free, first = self._devices, slot * self._width
            for device in devices:
                free[first + device] += sign * milli
        if not self._shut[slot]:
            pool = self._pool_of[server]
            pool.cpu_milli += cpu
            pool.memory_mib += memory
            pool.device_milli += sign * milli * len(devices)
        self._changed(slot)

    def _changed(self, slot: int) -> None:
        self._log[self.changes & self._log_mask] = slot
        self.changes += 1

    def _devices_of(self, slot: int) -> list[int]:
        first = slot * self._width
        return [m for m in self._devices[first : first + self._width] if m >= 0]

    def _settle(
        self, number: int, kind: Kind, members: list[int], slots: Int32s, start: int
    ) -> int:
        """Give the servers of a pool their slots; the first slot of the next pool."""
        c, servers = self.columns, [self.servers[index] for index in members]
        own = slice(start, start + len(members))
        slots[members] = np.arange(own.start, own.stop)
        c.server_of[own] = members
        c.cpu_milli[own] = c.cpu_total[own] = [server.cpu_milli for server in servers]
        c.memory_mib[own] = [server.memory_mib for server in servers]
        counts = np.array([server.accelerators for server in servers])
        c.devices[own] = np.where(np.arange(c.devices.shape[1]) < counts[:, None], WHOLE, -1)
        c.shut[own] = 0
        pool = self.pools[kind] = Pool(number, kind, c, own)
        pool.servers = len(members)
        pool.cpu_milli = int(c.cpu_milli[own].sum())
        pool.memory_mib = int(c.memory_mib[own].sum(dtype=np.int64))
        pool.device_milli = int(counts.sum()) * WHOLE
        return start + -(-len(members) // BLOCK) * BLOCK

    def _view(self, slots: Int32s) -> None:
        # Single numbers are read and written through views: several times faster than by numpy.
        c = self.columns
        self._slots = slots.data
        self._cpu, self._memory = c.cpu_milli.data, c.memory_mib.data
        self._devices, self._width = c.devices.reshape(-1).data, c.devices.shape[1]
        self._shut, self._log = c.shut.data, c.log.data
        self._log_mask = len(c.log) - 1
