"""Who waits in a partition of ROUTE, in lines of equals, and in which order they are served."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from hexi_scheduler.domain.route.drf import Shares
from hexi_scheduler.domain.rules import Rules
from hexi_scheduler.domain.workload import Demand, Workload


class Line(NamedTuple):
    """Workloads of one tenant, priority and demand differ in their age alone."""

    tenant_id: str
    priority: int
    rank: int
    demand: Demand


class Head(NamedTuple):
    """The next of a line, as the order of service compares it."""

    rank: int  # negative: the highest class is served first
    share: int
    priority: int  # negative
    submitted_at_ms: int
    name: str
    line: Line
    at: int  # its place in the line


class Waiting:
    """Invariant: each waiting workload stands in exactly one line, the oldest of a line first."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.lines: dict[Line, list[tuple[int, str]]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[str]:
        for members in self.lines.values():
            yield from (name for _, name in members)

    def line_of(self, workload: Workload) -> Line:
        rank = self._rules.rank(workload)
        return Line(workload.tenant_id, workload.priority, rank, workload.demand)

    def put(self, workload: Workload) -> None:
        members = self.lines.setdefault(self.line_of(workload), [])
        insort(members, (workload.submitted_at_ms, workload.workload_id))
        self._size += 1

    def drop(self, workload: Workload) -> None:
        line = self.line_of(workload)
        members = self.lines[line]
        del members[bisect_left(members, (workload.submitted_at_ms, workload.workload_id))]
        if not members:
            del self.lines[line]
        self._size -= 1

    def turn(self, shares: Shares, at_ms: int) -> Turn:
        return Turn(self, self._rules, shares, at_ms)


class Turn:
    """One round of service: by class, then by share as it grows in the round, then by age."""

    def __init__(self, waiting: Waiting, rules: Rules, shares: Shares, at_ms: int) -> None:
        self._lines, self._shares, self._at_ms = waiting.lines, shares, at_ms
        self._share_of: dict[str, int] = {}
        self._aged: Callable[[int, int], int] = rules.priorities.aged_rank
        self._heads = [self._head(line, 0) for line in self._lines]
        heapify(self._heads)
        self._yielding: list[Head] = []

    def next(self) -> Head | None:
        """Whose turn it is; afterwards it is to be `served`, `skipped`, or its line is left."""
        while self._heads:
            head = heappop(self._heads)
            share = self._share(head.line.tenant_id)
            if share <= head.share:
                return head
            # Its tenant was given something meanwhile: it may stand farther back.
            heappush(self._heads, head._replace(share=share))
        return None

    def served(self, head: Head) -> None:
        """It left its line, the next one stands in its place; who yielded may try again."""
        self._share_of.pop(head.line.tenant_id, None)
        for other in self._yielding:
            heappush(self._heads, other)
        self._yielding.clear()
        self._advance(head.line, head.at)

    def skipped(self, head: Head) -> None:
        self._advance(head.line, head.at + 1)

    def yields(self, head: Head) -> None:
        """It had its turn too early: others who wait come before it."""
        self._yielding.append(head)

    def left(self) -> Iterator[Line]:
        """Lines that had no turn."""
        return (head.line for head in self._heads)

    def _share(self, tenant_id: str) -> int:
        """It grows only when the tenant is served."""
        found = self._share_of.get(tenant_id)
        if found is None:
            found = self._share_of[tenant_id] = self._shares.of(tenant_id)
        return found

    def _advance(self, line: Line, at: int) -> None:
        if at < len(self._lines.get(line, ())):
            heappush(self._heads, self._head(line, at))

    def _head(self, line: Line, at: int) -> Head:
        submitted_at_ms, name = self._lines[line][at]
        rank = self._aged(line.rank, self._at_ms - submitted_at_ms)
        share = self._share(line.tenant_id)
        return Head(-rank, share, -line.priority, submitted_at_ms, name, line, at)
