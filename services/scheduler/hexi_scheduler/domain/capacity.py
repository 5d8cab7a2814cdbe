"""Free capacity of a site's servers: columns by index, and one pool per class and executor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hexi_scheduler.domain.facts import Condition, Server
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.pool import Free, Pool
from hexi_scheduler.domain.workload import WHOLE, Resources


class Largest(NamedTuple):
    """How many servers there are of a kind, and the most that one of them has."""

    servers: int = 0
    cpu_milli: int = 0
    memory_mib: int = 0
    accelerators: int = 0

    def including(self, server: Server) -> Largest:
        return Largest(
            self.servers + 1,
            max(self.cpu_milli, server.cpu_milli),
            max(self.memory_mib, server.memory_mib),
            max(self.accelerators, server.accelerators),
        )


class Capacity:
    """Invariant: a server is in its pool, with what it has free, unless a condition bars it."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self.servers = servers
        self.cpu_milli = [server.cpu_milli for server in servers]
        self.memory_mib = [server.memory_mib for server in servers]
        self.devices = [[WHOLE] * server.accelerators for server in servers]
        self.pools: dict[tuple[str, str], Pool] = {}
        self.kinds: dict[tuple[str, str], Largest] = {}
        self._pool_of: list[Pool] = []
        self._barred: list[int] = [0] * len(servers)  # one bit a condition
        self._out: dict[Condition, frozenset[int]] = {}
        for index, server in enumerate(servers):
            pool = self.pools.setdefault((server.class_id, server.executor), Pool())
            self._pool_of.append(pool)
            pool.add(index, self.free(index))
            kind = (server.class_id, server.executor)
            self.kinds[kind] = self.kinds.get(kind, Largest()).including(server)

    def free(self, server: int) -> Free:
        return (
            self.cpu_milli[server],
            self.memory_mib[server],
            tuple(sorted(self.devices[server])),
        )

    def bar(self, condition: Condition, servers: Iterable[int]) -> None:
        """Exactly these servers are out for this condition from now on."""
        bit = 1 << condition
        before = self._out.get(condition, frozenset())
        now = frozenset(server for server in servers if server < len(self._barred))
        self._out[condition] = now
        for server in sorted(before ^ now):
            barred = self._barred[server] ^ bit
            if not self._barred[server]:
                self._pool_of[server].remove(server)
            elif not barred:
                self._pool_of[server].add(server, self.free(server))
            self._barred[server] = barred

    def barred(self, server: int) -> bool:
        return bool(self._barred[server])

    def devices_for(self, server: int, asked: Resources) -> Allocation:
        """The devices a replica would get: those with least room to spare, lowest number."""
        count, share = asked.accelerators, asked.device_milli
        if not count:
            return Allocation(server, (), 0)
        free = self.devices[server]
        if count == 1 and share < WHOLE:
            chosen = [min((m, d) for d, m in enumerate(free) if m >= share)[1]]
        else:
            room = sorted((m, d) for d, m in enumerate(free) if m >= share)
            chosen = sorted(d for _, d in room[:count])
        return Allocation(server, tuple(chosen), share)

    def fits(self, allocation: Allocation, asked: Resources) -> bool:
        """The allocation can be taken on these very devices."""
        server, devices, milli = allocation
        if not self.knows(server):
            return False
        free = self.devices[server]
        return (
            self.cpu_milli[server] >= asked.cpu_milli
            and self.memory_mib[server] >= asked.memory_mib
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
        self.cpu_milli[server] += sign * asked.cpu_milli
        self.memory_mib[server] += sign * asked.memory_mib
        if devices:
            free = self.devices[server]
            for device in devices:
                free[device] += sign * milli
        if not self._barred[server]:
            pool = self._pool_of[server]
            pool.remove(server)
            pool.add(server, self.free(server))
