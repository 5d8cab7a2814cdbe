"""The servers of one class and executor, indexed so that a best fit costs a few bit operations.

Servers with equal free capacity are one state. States stand in rows by whole free vCPUs, rows in
levels by their devices. What is found depends on the free capacities alone, never on the order
in which servers came and went: so a rebuilt index decides as the old one did.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from hexi_scheduler.domain.workload import WHOLE, Resources

ROW_CPU_MILLI = 1_000
HEAP_SLACK = 64

Free = tuple[int, int, tuple[int, ...]]  # cpu milli, memory MiB, free milli per device, sorted


class _State:
    """Servers with the same free capacity; the heap may name servers that have left."""

    __slots__ = ("free", "heap", "level", "live", "named")

    def __init__(self, free: Free, level: tuple[int, int]) -> None:
        self.free, self.level = free, level
        self.heap: list[int] = []
        self.named: set[int] = set()
        self.live = 0


class _Level:
    """Rows of states by whole free vCPUs; bit i of `bits` says that row i is not empty."""

    __slots__ = ("bits", "rows")

    def __init__(self) -> None:
        self.bits = 0
        self.rows: dict[int, dict[Free, _State]] = {}


class Pool:
    """Index over servers in service. A level is (wholly free devices, largest broken device)."""

    def __init__(self) -> None:
        self.cpu_milli = 0
        self.memory_mib = 0
        self.device_milli = 0
        self.servers = 0
        self._levels: dict[tuple[int, int], _Level] = {}
        self._by_whole: list[tuple[int, int]] = []
        self._by_share: list[tuple[int, int]] = []
        self._state_of: dict[int, _State] = {}

    def add(self, server: int, free: Free) -> None:
        level_key = _level_of(free[2])
        level = self._levels.get(level_key)
        if level is None:
            level = self._levels[level_key] = _Level()
            insort(self._by_whole, level_key)
            insort(self._by_share, level_key[::-1])
        row_key = free[0] // ROW_CPU_MILLI
        row = level.rows.get(row_key)
        if row is None:
            row = level.rows[row_key] = {}
            level.bits |= 1 << row_key
        state = row.get(free)
        if state is None:
            state = row[free] = _State(free, level_key)
        state.live += 1
        self._state_of[server] = state
        if server not in state.named:
            state.named.add(server)
            heappush(state.heap, server)
        self._count(1, free)

    def remove(self, server: int) -> None:
        state = self._state_of.pop(server, None)
        if state is None:
            return
        self._count(-1, state.free)
        state.live -= 1
        if state.live:
            if len(state.heap) > 2 * state.live + HEAP_SLACK:
                self._tidy(state)
            return
        level = self._levels[state.level]
        row_key = state.free[0] // ROW_CPU_MILLI
        row = level.rows[row_key]
        del row[state.free]
        if row:
            return
        del level.rows[row_key]
        level.bits &= ~(1 << row_key)
        if not level.bits:
            del self._levels[state.level]
            del self._by_whole[bisect_left(self._by_whole, state.level)]
            del self._by_share[bisect_left(self._by_share, state.level[::-1])]

    def __contains__(self, server: int) -> bool:
        return server in self._state_of

    def best_fit(self, asked: Resources) -> int | None:
        """The server that is left with least: devices first, then vCPU, memory, lowest index."""
        for key in self._levels_for(asked):
            state = _best_in(self._levels[key], asked)
            if state is not None:
                return self._first(state)
        return None

    def states(self) -> Iterator[tuple[Free, int]]:
        """Every state of free capacity and how many servers are in it."""
        for level in self._levels.values():
            for row in level.rows.values():
                for free, state in row.items():
                    yield free, state.live

    def _levels_for(self, asked: Resources) -> Iterator[tuple[int, int]]:
        count, share = asked.accelerators, asked.device_milli
        if not count or share >= WHOLE:
            yield from self._by_whole[bisect_left(self._by_whole, (count, 0)) :]
            return
        # A share goes to a device that is broken already before it breaks a whole one.
        broken = [(w, p) for p, w in self._by_share[bisect_left(self._by_share, (share, 0)) :]]
        yield from broken
        yield from (key for key in self._by_whole if key[1] < share and key[0])

    def _first(self, state: _State) -> int:
        heap, of = state.heap, self._state_of
        while of.get(heap[0]) is not state:
            state.named.discard(heappop(heap))
        return heap[0]

    def _tidy(self, state: _State) -> None:
        state.heap = [server for server in state.heap if self._state_of.get(server) is state]
        state.named = set(state.heap)
        heapify(state.heap)

    def _count(self, sign: int, free: Free) -> None:
        self.cpu_milli += sign * free[0]
        self.memory_mib += sign * free[1]
        self.servers += sign
        if free[2]:
            self.device_milli += sign * sum(free[2])


def _level_of(devices: tuple[int, ...]) -> tuple[int, int]:
    if not devices:
        return (0, 0)
    whole = devices.count(WHOLE)
    return (whole, devices[-1 - whole] if whole < len(devices) else 0)


def _best_in(level: _Level, asked: Resources) -> _State | None:
    cpu, memory, count, share = asked[:4]
    several = count if share < WHOLE else 0
    bits = level.bits >> (cpu // ROW_CPU_MILLI) << (cpu // ROW_CPU_MILLI)
    while bits:
        lowest = bits & -bits
        best: Free | None = None
        row = level.rows[lowest.bit_length() - 1]
        for free in row:
            if (
                free[0] >= cpu
                and free[1] >= memory
                and (best is None or free < best)
                and (not several or _devices_with(free[2], share) >= several)
            ):
                best = free
        if best is not None:
            return row[best]
        bits ^= lowest
    return None


def _devices_with(devices: tuple[int, ...], share: int) -> int:
    return len(devices) - bisect_left(devices, share)
