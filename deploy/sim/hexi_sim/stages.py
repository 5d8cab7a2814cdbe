"""The scheduler's own stages, as its worker builds them, over a log in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hexi_contracts import topics
from hexi_contracts.topic import Topic
from hexi_kit.clock import Clock, SystemClock
from hexi_kit.journal.batch import Entry
from hexi_scheduler.domain.policy import BestFit
from hexi_scheduler.settings import route_policy
from hexi_scheduler.stream.place_stage import PlaceStage
from hexi_scheduler.stream.route_stage import RouteStage
from hexi_scheduler.stream.stage import StageParts

from hexi_sim.memory import Letters, MemoryJournal

Heard = Callable[[int, Sequence[Entry]], None]
JOURNAL_OF = {
    topics.SCHEDULER_REQUEST: topics.SCHEDULER_ROUTE,
    topics.SCHEDULER_COMMAND: topics.SCHEDULER_PLACEMENT,
}


def parts(journal: Topic, heard: Heard, publisher: Any) -> StageParts:
    """What a stage is given, all of it in memory."""
    letters: Any = Letters()
    made: Any = MemoryJournal(journal, heard)
    return StageParts(made, publisher, letters, SystemClock())


def route_stage(given: StageParts, clock: Clock) -> RouteStage:
    policy = route_policy()._replace(partitions=topics.SCHEDULER_REQUEST.partitions)
    return RouteStage(given, policy, clock)


def place_stage(given: StageParts, clock: Clock, changed: Callable[[str], None]) -> PlaceStage:
    return PlaceStage(given, BestFit(), clock, changed)
