"""PLACE as a pure step: a command of one site in, the events it decided (and applied) out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from hexi_scheduler.domain.facts import JUDGED, Reservation, ServerSet, SiteFacts
from hexi_scheduler.domain.latency import MeasureLatency
from hexi_scheduler.domain.owed import CANCELLED
from hexi_scheduler.domain.packing.learn import learn, learn_before_forgetting
from hexi_scheduler.domain.place.answers import declined, placed
from hexi_scheduler.domain.place.bounds import bounds_of
from hexi_scheduler.domain.place.claims import claim, review, seek, serve
from hexi_scheduler.domain.place.closing import close_drained, close_for_maintenance, drain
from hexi_scheduler.domain.place.closure_commands import DeclareLoss, DirectDrain, MeasureRacks
from hexi_scheduler.domain.place.eviction import evicted
from hexi_scheduler.domain.place.latency import hear
from hexi_scheduler.domain.place.penalty import clear, count_failure
from hexi_scheduler.domain.place.place_commands import (
    ChangeCondition,
    DirectQuarantine,
    Place,
    PlaceCommand,
    PlaceItem,
    Release,
    Tick,
)
from hexi_scheduler.domain.place.place_events import (
    ConditionChanged,
    PlaceEvent,
    ReservationChanged,
)
from hexi_scheduler.domain.place.place_fit import why_not
from hexi_scheduler.domain.place.place_servers import adopt, quarantine
from hexi_scheduler.domain.place.place_time import tick
from hexi_scheduler.domain.place.policy import Policy
from hexi_scheduler.domain.place.power import measure
from hexi_scheduler.domain.place.preempt import make_room
from hexi_scheduler.domain.place.run_report import ReportRuns, RunReport
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.site_loss import declare
from hexi_scheduler.domain.place.standing import closed_to
from hexi_scheduler.domain.placement import (
    CLAIMED,
    DECLINED,
    ENDED,
    PLACED,
    STARTED,
    Placement,
    Run,
)
from hexi_scheduler.domain.quantum import queues
from hexi_scheduler.domain.rules import NO_RULES, Rules

SiteCommand = (
    Tick
    | ChangeCondition
    | DirectQuarantine
    | Reservation
    | ServerSet
    | SiteFacts
    | DirectDrain
    | DeclareLoss
    | MeasureRacks
    | MeasureLatency
)

OUTPUT_BYTES_MAX = 64 * 1024
START_FAILED, PAUSED = "failed to start", "paused"


def step(
    site: Site, command: PlaceCommand, at_ms: int, policy: Policy, rules: Rules = NO_RULES
) -> list[PlaceEvent]:
    """Decide and apply. A command seen again, whole or in part, decides only what is missing."""
    events: list[PlaceEvent] = []
    for event in _decide(site, command, at_ms, policy, rules):
        site.apply(event)
        events.append(event)
    return events


def _decide(
    site: Site, command: PlaceCommand, at_ms: int, policy: Policy, rules: Rules
) -> Iterator[PlaceEvent]:
    # Every event is applied before the generator is asked for the next.
    if isinstance(command, Place):
        known = site.placements
        for item in command.items:
            if item.placement_id not in known:
                yield from _place(site, item, at_ms, policy, rules)
        learned = learn(site, at_ms, policy.rules)
        if learned is not None:
            yield learned
        return
    if isinstance(command, ReportRuns):
        for report in command.reports:
            yield from _report(site, report, at_ms, rules)
    elif isinstance(command, Release):
        yield from _release(site, command, at_ms)
    else:
        if isinstance(command, Tick):
            yield from learn_before_forgetting(site, command.now_ms, policy.rules)
        yield from _decide_site(site, command, at_ms, rules)
    if site.claims:
        yield from _keep_claims(site, command, at_ms, policy, rules)


def _keep_claims(
    site: Site, command: PlaceCommand, at_ms: int, policy: Policy, rules: Rules
) -> Iterator[Placement]:
    """On a tick until a round decides nothing: who is served or gives up leaves servers where
    another fits, and a claim is served, declined or moved to a later start but once or twice."""
    regained = site.regained()
    if not isinstance(command, Tick):
        if regained:
            yield from serve(site, at_ms, policy, rules)
        return
    decided = True
    while decided:
        decided = False
        for placement in chain(
            review(site, command.now_ms, rules), serve(site, at_ms, policy, rules)
        ):
            decided = True
            yield placement


def _decide_site(
    site: Site, command: SiteCommand, at_ms: int, rules: Rules
) -> Iterator[PlaceEvent]:
    if isinstance(command, Tick):
        yield from tick(site, command, rules)
    elif isinstance(command, ChangeCondition):
        yield from _change_condition(site, command, at_ms)
    elif isinstance(command, DirectQuarantine):
        yield from quarantine(site, command, at_ms)
    elif isinstance(command, Reservation):
        if command.end_ms > site.now_ms and site.reservations.get(command.lease_id) != command:
            yield ReservationChanged(command)
    elif isinstance(command, ServerSet):
        yield from adopt(site, command, at_ms)
        yield from close_drained(site, at_ms)
        yield from close_for_maintenance(site, at_ms)
    elif isinstance(command, SiteFacts):
        yield from _learn(site, command)
        yield from close_for_maintenance(site, at_ms)
    elif isinstance(command, DirectDrain):
        yield from drain(site, command, at_ms)
    elif isinstance(command, DeclareLoss):
        yield from declare(site, command)
    elif isinstance(command, MeasureLatency):
        yield from hear(site, command, rules.latency)
    else:
        yield from measure(site, command)


def _place(
    site: Site, item: PlaceItem, at_ms: int, policy: Policy, rules: Rules
) -> Iterator[PlaceEvent]:
    workload = item.workload
    shut = closed_to(site, workload.demand)
    if shut:
        yield declined(site, item, at_ms, shut)
        return
    bounds = bounds_of(site, workload, at_ms, rules, item.rescued)
    room = seek(site, workload, at_ms, policy, bounds)
    draws = site.drawable(workload.demand, workload.tenant_id, at_ms) if room is None else None
    if room is None and (item.preempt or draws):
        yield from make_room(site, item, at_ms, policy, rules)
        bounds = bounds_of(site, workload, at_ms, rules, item.rescued)
        room = seek(site, workload, at_ms, policy, bounds)
    if room is not None:
        yield placed(site, item, at_ms, room)
        return
    in_line = item.claim or queues(workload.demand)
    kept = claim(site, item, at_ms, rules) if in_line else None
    if kept is None:
        why = bounds.explained(why_not(site, workload.demand))
        kept = declined(site, item, at_ms, "no room", why)
    yield kept


def _report(site: Site, report: RunReport, at_ms: int, rules: Rules) -> Iterator[PlaceEvent]:
    placement = site.placements.get(report.placement_id)
    if placement is None or not placement.live:
        return
    if report.failed:
        reason = f"{START_FAILED}: {report.reason}"[:512]
        yield from count_failure(site, placement, at_ms, rules.keep.penalty)
        yield evicted(site, placement, at_ms, reason)
        return
    run = placement.run
    if placement.state is PLACED:
        # An executor's clock may not reach back behind what is billed, nor ahead of the record.
        least_ms = max(placement.placed_at_ms, site.billed_until_ms)
        run = Run(started_at_ms=max(least_ms, min(report.at_ms, at_ms)))
        placement = placement._replace(state=STARTED, run=run)
        yield placement
        yield from clear(site, placement, at_ms)
    if not report.started:
        billed_ms = site.billed_until(placement)
        yield placement._replace(
            state=ENDED,
            billed_until_ms=billed_ms,
            run=Run(
                run.started_at_ms,
                max(billed_ms, min(report.at_ms, at_ms)),
                report.exit_code,
                report.energy_ws,
                report.output[:OUTPUT_BYTES_MAX],
                report.output_truncated or len(report.output) > OUTPUT_BYTES_MAX,
            ),
            reason=report.reason,
        )


def _release(site: Site, command: Release, at_ms: int) -> Iterable[Placement]:
    placement = site.placements.get(command.placement_id)
    reason = f"{PAUSED}: {command.reason}"[:512] if command.pause else CANCELLED
    if placement is not None and placement.live:
        yield evicted(site, placement, at_ms, reason)
    elif placement is not None and placement.state is CLAIMED:
        yield placement._replace(state=DECLINED, reason=reason)


def _change_condition(
    site: Site, command: ChangeCondition, at_ms: int
) -> Iterable[ConditionChanged]:
    if command.condition not in JUDGED:
        return  # what telemetry does not see is closed and opened by PLACE alone
    before = set(site.out.get(command.condition, ()))
    named = {server for server in command.servers if site.capacity.knows(server)}
    now = before | named if command.active else before - set(command.servers)
    if now != before:
        yield ConditionChanged(command.condition, tuple(sorted(now)), at_ms)


def _learn(site: Site, facts: SiteFacts) -> Iterable[PlaceEvent]:
    known = site.facts
    if known is None or (facts.revision >= known.revision and facts != known):
        yield facts
