"""A placement: PLACED → STARTED → ENDED | EVICTED, or DECLINED at once; some are CLAIMED first."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from hexi_scheduler.domain.why import WhyNot
from hexi_scheduler.domain.workload import WHOLE, Workload

LISTED_MAX = 4_096


class PlacementState(IntEnum):
    """Numbers are those of the wire."""

    PLACED = 1
    DECLINED = 2
    STARTED = 3
    ENDED = 4
    EVICTED = 5
    CLAIMED = 6


# By a name of their own: to ask the class for a member takes as long as a call.
PLACED, DECLINED, STARTED, ENDED, EVICTED, CLAIMED = PlacementState


class Allocation(NamedTuple):
    """One replica's share of one server."""

    server: int
    devices: tuple[int, ...] = ()
    device_milli: int = WHOLE


class Tariff(NamedTuple):
    """Micro-yuan per unit and slot: the lease's until it ends, the list's when placed after."""

    list_micro_yuan: int = 0
    lease_id: str = ""
    lease_micro_yuan: int = 0
    lease_until_ms: int = 0

    def at(self, at_ms: int) -> tuple[int, str]:
        """The price and the lease of a stretch that begins then."""
        if at_ms < self.lease_until_ms:
            return self.lease_micro_yuan, self.lease_id
        return self.list_micro_yuan, ""


@lru_cache(LISTED_MAX)
def listed(micro_yuan: int) -> Tariff:
    """Of the list; all that are placed at one price share it."""
    return Tariff(micro_yuan)


class Run(NamedTuple):
    """What is known of the run; times are of the executor, kept within what is possible."""

    started_at_ms: int = 0
    ended_at_ms: int = 0
    exit_code: int = 0
    energy_ws: int = 0
    output: bytes = b""
    output_truncated: bool = False


class Placement(NamedTuple):
    """One attempt of a workload in one site; a value, replaced as a whole."""

    placement_id: str
    workload: Workload
    attempt: int
    state: PlacementState
    placed_at_ms: int
    allocations: tuple[Allocation, ...] = ()
    class_id: str = ""
    executor: str = ""
    server_set_revision: int = 0
    tariff: Tariff = Tariff()
    units: int = 0
    billed_until_ms: int = 0  # once over: where the last stretch of its usage begins
    run: Run = Run()
    reason: str = ""
    why_not: WhyNot | None = None
    borrowed: bool = False
    # Of an eviction: for whom, and what was computed in vain.
    preempted_by: str = ""
    wasted_accelerator_ms: int = 0
    # Of a claim: when what runs now will have ended (0: nobody knows), and when it is given up.
    expected_start_ms: int = 0
    claim_until_ms: int = 0

    @property
    def live(self) -> bool:
        """It holds capacity."""
        state = self.state
        return state is PLACED or state is STARTED
