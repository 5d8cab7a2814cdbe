"""The scheduler's own stages, as its worker builds them, over a log in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hexi_contracts import topics
from hexi_contracts.topic import Topic
from hexi_kit.clock import Clock, SystemClock
from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.journal.batch import Entry
from hexi_scheduler.domain.policy import BestFit, Policy
from hexi_scheduler.settings import route_policy
from hexi_scheduler.stream.place_stage import PlaceStage
from hexi_scheduler.stream.route_stage import RouteStage
from hexi_scheduler.stream.stage import StageParts

from hexi_sim.memory import Letters, MemoryJournal

PRODUCTION = "production"
PLACE_POLICIES: Mapping[str, Callable[[], Policy]] = {PRODUCTION: BestFit, "best-fit": BestFit}
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


def route_stage(
    given: StageParts, clock: Clock, changed: Mapping[str, Any] | None = None
) -> RouteStage:
    """ROUTE by the weights in force, or with some of them changed.

    Raises:
        InvalidArgument: the policy has no such field.
    """
    policy = route_policy()._replace(partitions=topics.SCHEDULER_REQUEST.partitions)
    if unknown := set(changed or ()) - set(policy._fields):
        why = f"expected one of {', '.join(policy._fields)}"
        raise InvalidArgument([Violation(f"route.{name}", why) for name in sorted(unknown)])
    return RouteStage(given, policy._replace(**(changed or {})), clock)


def place_stage(
    given: StageParts, clock: Clock, noted: Callable[[str], None], policy: str = PRODUCTION
) -> PlaceStage:
    """PLACE by the policy in force, or another by its name.

    Raises:
        InvalidArgument: there is none of that name.
    """
    if policy not in PLACE_POLICIES:
        why = f"expected one of {', '.join(PLACE_POLICIES)}, was {policy!r}"
        raise InvalidArgument([Violation("place", why)])
    return PlaceStage(given, PLACE_POLICIES[policy](), clock, noted)
