"""Who uses a site: live work added up by tenant, class of servers and how it may be treated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hexi_scheduler.domain.facts import Server
from hexi_scheduler.domain.placement import Placement
from hexi_scheduler.domain.use import Use
from hexi_scheduler.domain.workload import WHOLE


class UseKey(NamedTuple):
    """What decides whether work may be made to yield, and to whose share it counts."""

    tenant_id: str
    class_id: str
    executor: str
    priority: int
    borrowed: bool
    leased: bool
    interruptible: bool


class SiteUse:
    """Sums of live placements; each takes and gives back what it says."""

    __slots__ = ("_sums",)

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str, str, int, bool, bool, bool], list[int]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SiteUse) and self._sums == other._sums

    __hash__ = None  # type: ignore[assignment]  # it changes

    def count(self, placement: Placement, sign: int) -> None:
        workload = placement.workload
        key = (
            workload.tenant_id,
            placement.class_id,
            placement.executor,
            workload.priority,
            placement.borrowed,
            bool(placement.tariff.lease_id),
            workload.interruptible,
        )
        sums = self._sums.get(key)
        if sums is None:
            sums = self._sums[key] = [0, 0, 0, 0]
        sums[0] += sign
        if not sums[0]:
            del self._sums[key]
            return
        cpu_milli, memory_mib, milli = workload.demand.sums
        if sign < 0:
            cpu_milli, memory_mib, milli = -cpu_milli, -memory_mib, -milli
        sums[1] += cpu_milli
        sums[2] += memory_mib
        sums[3] += milli

    def items(self) -> list[tuple[UseKey, Use]]:
        return [(UseKey(*key), Use(*sums[1:])) for key, sums in sorted(self._sums.items())]


def total_of(servers: Sequence[Server]) -> Use:
    """What servers have when nothing runs on them."""
    return Use(
        sum(server.cpu_milli for server in servers),
        sum(server.memory_mib for server in servers),
        sum(server.accelerators for server in servers) * WHOLE,
    )
