"""PLACE's commands, in; and what other services say, as commands."""

from __future__ import annotations

from hexi.inventory.v1 import inventory_pb2
from hexi.marketplace.v1 import marketplace_pb2
from hexi.scheduler.v1 import place_pb2
from hexi.security.v1 import security_pb2
from hexi_kit.errors import Poison

from hexi_scheduler.domain.facts import Condition, Quarantine, Reservation
from hexi_scheduler.domain.place.closure_commands import DeclareLoss, MeasureRacks
from hexi_scheduler.domain.place.conditions import Change
from hexi_scheduler.domain.place.place_commands import (
    ChangeCondition,
    DirectQuarantine,
    Place,
    PlaceCommand,
    PlaceItem,
    Release,
    Tick,
)
from hexi_scheduler.domain.place.run_report import ReportRuns, RunReport
from hexi_scheduler.wire.closures import CLOSURES, closure_command, said_of_closure
from hexi_scheduler.wire.facts import server_set, site_facts
from hexi_scheduler.wire.latency import measure_latency
from hexi_scheduler.wire.workload import WorkloadReader

CONDITIONS = {condition.value: condition for condition in Condition}
RUN_STATES = frozenset(place_pb2.RunState.values()) - {place_pb2.RUN_STATE_UNSPECIFIED}


def command(message: place_pb2.SiteCommand, reader: WorkloadReader) -> PlaceCommand:
    """What the command says; Poison when it says nothing that is known."""
    kind = message.WhichOneof("item")
    if kind == "place":
        items = message.place.items
        read = reader.read
        return Place(
            tuple(
                [
                    PlaceItem(
                        i.placement_id,
                        i.attempt,
                        read(i.workload),
                        i.preempt,
                        i.claim,
                        i.borrowed,
                        i.rescued,
                    )
                    for i in items
                ]
            )
        )
    if kind == "runs":
        return ReportRuns(tuple(_report(r) for r in message.runs.reports if r.state in RUN_STATES))
    if kind == "release":
        release = message.release
        return Release(release.placement_id, release.reason, release.pause)
    if kind == "tick":
        return Tick(message.tick.now_ms)
    if kind == "server_set":
        return server_set(message.server_set)
    if kind == "site":
        return site_facts(message.site)
    if kind == "reserve":
        return reservation(message.reserve)
    return _closing(message, kind)


def _closing(message: place_pb2.SiteCommand, kind: str | None) -> PlaceCommand:
    if kind in CLOSURES:
        return closure_command(message)
    if kind == "condition" and message.condition.condition in CONDITIONS:
        said = message.condition
        return ChangeCondition(
            CONDITIONS[said.condition], said.active, tuple(said.servers), said.evidence
        )
    if kind == "quarantine":
        directive = message.quarantine
        closed = Quarantine(directive.directive_id, tuple(sorted(directive.racks)))
        return DirectQuarantine(closed, directive.active, directive.reason)
    if kind == "latency":
        return measure_latency(message.latency)
    raise Poison("expected a site command, was an empty or unknown item")


def reservation(message: place_pb2.Reservation) -> Reservation:
    return Reservation(
        message.lease_id,
        message.tenant_id,
        message.class_id,
        message.units,
        message.start_ms,
        message.end_ms,
        message.price_micro_yuan,
    )


def said_by_inventory(
    message: inventory_pb2.SiteRecorded | inventory_pb2.ServerSet, now_ms: int
) -> place_pb2.SiteCommand:
    """A site's newest facts, or its newest servers, for the partition that owns it."""
    if isinstance(message, inventory_pb2.ServerSet):
        return place_pb2.SiteCommand(
            site_id=message.site_id, recorded_at_ms=now_ms, server_set=message
        )
    return place_pb2.SiteCommand(site_id=message.site.site_id, recorded_at_ms=now_ms, site=message)


def said_by_security(message: security_pb2.DirectiveIssued, now_ms: int) -> place_pb2.SiteCommand:
    directive = place_pb2.QuarantineDirected(
        directive_id=message.directive_id,
        active=message.active,
        racks=message.racks,
        reason=message.reason,
    )
    return place_pb2.SiteCommand(
        site_id=message.site_id, recorded_at_ms=now_ms, quarantine=directive
    )


def said_by_market(message: marketplace_pb2.LeaseGranted, now_ms: int) -> place_pb2.SiteCommand:
    right = place_pb2.Reservation(
        lease_id=message.lease_id,
        tenant_id=message.tenant_id,
        class_id=message.class_id,
        units=message.units,
        start_ms=message.start_ms,
        end_ms=message.end_ms,
        price_micro_yuan=message.price_micro_yuan,
    )
    return place_pb2.SiteCommand(site_id=message.site_id, recorded_at_ms=now_ms, reserve=right)


def said_by_telemetry(
    site_id: str, change: Change | DeclareLoss | MeasureRacks, now_ms: int
) -> place_pb2.SiteCommand:
    if not isinstance(change, Change):
        return said_of_closure(site_id, change, now_ms)
    changed = place_pb2.ConditionChanged(
        condition=int(change.condition),  # type: ignore[arg-type]  # numbers of the wire
        active=change.active,
        servers=change.servers,
        evidence=change.evidence,
    )
    return place_pb2.SiteCommand(site_id=site_id, recorded_at_ms=now_ms, condition=changed)


def _report(message: place_pb2.RunReport) -> RunReport:
    return RunReport(
        message.placement_id,
        message.state == place_pb2.RUN_STATE_STARTED,
        message.state == place_pb2.RUN_STATE_FAILED_TO_START,
        message.at_ms,
        message.exit_code,
        message.energy_ws,
        message.output,
        message.output_truncated,
        message.reason,
    )
