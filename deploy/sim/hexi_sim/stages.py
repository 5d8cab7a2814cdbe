"""The scheduler's own stages, as its worker builds them, over a log in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hexi_contracts import topics
from hexi_contracts.topic import Topic
from hexi_kit.clock import Clock, SystemClock
from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.kafka.batch import Entry
from hexi_scheduler.domain.place.policy import BestFit, Packing
from hexi_scheduler.domain.policies import Policies
from hexi_scheduler.settings import policies as policies_in_force
from hexi_scheduler.stream.place_stage import PlaceStage
from hexi_scheduler.stream.route_stage import RouteStage
from hexi_scheduler.stream.stage import StageParts

from hexi_sim.memory import Letters, MemoryJournal

PRODUCTION, BEST_FIT = "production", "best-fit"
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


def chosen(route: Mapping[str, Any]) -> Policies:
    """The policies in force, some weights of ROUTE changed.

    Raises:
        InvalidArgument: the policy of ROUTE has no such field.
    """
    policies = policies_in_force(topics.SCHEDULER_REQUEST.partitions)
    weights = policies.route
    if unknown := set(route) - set(weights._fields):
        why = f"expected one of {', '.join(weights._fields)}"
        raise InvalidArgument([Violation(f"route.{name}", why) for name in sorted(unknown)])
    return policies._replace(route=weights._replace(**route))


def route_stage(given: StageParts, clock: Clock, policies: Policies) -> RouteStage:
    return RouteStage(given, policies.route, clock, policies.fair)


def place_stage(
    given: StageParts,
    clock: Clock,
    policies: Policies,
    noted: Callable[[str], None],
    packing: str = PRODUCTION,
) -> PlaceStage:
    """PLACE by the packing in force, or by another.

    Raises:
        InvalidArgument: there is none of that name.
    """
    if packing not in (PRODUCTION, BEST_FIT):
        why = f"expected {PRODUCTION} or {BEST_FIT}, was {packing!r}"
        raise InvalidArgument([Violation("place", why)])
    policy = Packing(policies.packing) if packing == PRODUCTION else BestFit()
    return PlaceStage(given, policy, clock, noted, policies.fair)
