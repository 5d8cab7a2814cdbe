"""PLACE's journal, in and out."""

from __future__ import annotations

from collections.abc import Sequence

from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import place_pb2

from hexi_scheduler.domain.facts import Condition, Quarantine, ServerSet, SiteFacts
from hexi_scheduler.domain.latency import LatencyMeasured
from hexi_scheduler.domain.packing.mix import MixLearned
from hexi_scheduler.domain.place.place_events import (
    ClockMoved,
    ConditionChanged,
    PlaceEvent,
    PlacementForgotten,
    PreemptionCounted,
    ReservationChanged,
)
from hexi_scheduler.domain.placement import Placement
from hexi_scheduler.wire.cause import causes
from hexi_scheduler.wire.closures import closure_event, closure_record
from hexi_scheduler.wire.facts import server_set, site_facts
from hexi_scheduler.wire.latency import latency_measured, latency_record
from hexi_scheduler.wire.mix import mix, mix_record
from hexi_scheduler.wire.place_commands import reservation
from hexi_scheduler.wire.placement import placement, placement_bytes
from hexi_scheduler.wire.splice import nested
from hexi_scheduler.wire.workload import WorkloadReader


def entries(
    site_id: str, events: Sequence[PlaceEvent], partition: int, offset: int
) -> list[tuple[bytes, bytes | None]]:
    """The journal entries of what one command of a site decided."""
    count = len(events)
    written: list[tuple[bytes, bytes | None]] = []
    for ordinal, (event, cause) in enumerate(
        zip(events, causes(partition, offset, count), strict=True)
    ):
        if isinstance(event, Placement):
            key = f"{site_id}/p/{event.placement_id}".encode()
            written.append((key, nested(1, placement_bytes(event, site_id, cause))))
        elif isinstance(event, PlacementForgotten):
            written.append((f"{site_id}/p/{event.placement_id}".encode(), None))
        else:
            said = common_pb2.Cause(partition=partition, offset=offset, ordinal=ordinal, of=count)
            key_end, body = _other(event, said)
            written.append((f"{site_id}/{key_end}".encode(), body))
    return written


def entry(value: bytes, reader: WorkloadReader) -> tuple[PlaceEvent, int] | None:
    """The event of a journal entry and the offset it answers."""
    journal = place_pb2.PlaceJournal.FromString(value)
    kind = journal.WhichOneof("item")
    if kind == "placement":
        return placement(journal.placement, reader), journal.placement.cause.offset
    if kind == "condition":
        return _condition(journal.condition), journal.condition.cause.offset
    if kind == "reservation":
        said = journal.reservation
        return ReservationChanged(reservation(said.reservation), said.over), said.cause.offset
    if kind == "clock":
        clock = journal.clock
        event = ClockMoved(clock.now_ms, clock.billed_from_ms, clock.billed_until_ms)
        return event, clock.cause.offset
    if kind == "preemption":
        return _preemption(journal.preemption), journal.preemption.cause.offset
    if kind == "mix":
        return mix(journal.mix), journal.mix.cause.offset
    if kind == "server_set":
        return server_set(journal.server_set.server_set), journal.server_set.cause.offset
    if kind == "site":
        return site_facts(journal.site.site), journal.site.cause.offset
    if kind == "latency":
        return latency_measured(journal.latency), journal.latency.cause.offset
    return closure_event(journal)


def _other(event: PlaceEvent, cause: common_pb2.Cause) -> tuple[str, bytes]:
    if isinstance(event, ServerSet):
        record = nested(1, cause.SerializeToString()) + nested(2, event.body)
        return "server-set", nested(5, record)
    if isinstance(event, SiteFacts):
        return "site", nested(6, nested(1, cause.SerializeToString()) + nested(2, event.body))
    if isinstance(event, ClockMoved):
        clock = place_pb2.ClockRecord(
            cause=cause,
            now_ms=event.now_ms,
            billed_until_ms=event.billed_until_ms,
            billed_from_ms=event.billed_from_ms,
        )
        return "clock", nested(4, clock.SerializeToString())
    if isinstance(event, PreemptionCounted):
        return "preemption", nested(8, _preemption_record(event, cause).SerializeToString())
    if isinstance(event, LatencyMeasured):
        return "latency", latency_record(event, cause)
    if isinstance(event, MixLearned):
        return "mix", nested(7, mix_record(event, cause).SerializeToString())
    if isinstance(event, ReservationChanged):
        right = event.reservation
        reserved = place_pb2.ReservationRecord(
            cause=cause, reservation=place_pb2.Reservation(**right._asdict()), over=event.over
        )
        return f"reservation/{right.lease_id}", nested(3, reserved.SerializeToString())
    if isinstance(event, ConditionChanged):
        name = event.condition.name.lower()
        return f"condition/{name}", nested(2, _condition_record(event, cause).SerializeToString())
    assert not isinstance(event, Placement | PlacementForgotten)
    return closure_record(event, cause)


def _preemption_record(
    event: PreemptionCounted, cause: common_pb2.Cause
) -> place_pb2.PreemptionRecord:
    return place_pb2.PreemptionRecord(
        cause=cause,
        hour=event.hour,
        wasted_accelerator_ms=event.wasted_accelerator_ms,
        tenants=[
            place_pb2.TenantVictims(tenant_id=tenant_id, victims=victims)
            for tenant_id, victims in event.victims
        ],
    )


def _preemption(message: place_pb2.PreemptionRecord) -> PreemptionCounted:
    victims = tuple((tenant.tenant_id, tenant.victims) for tenant in message.tenants)
    return PreemptionCounted(message.hour, message.wasted_accelerator_ms, victims)


def _condition_record(
    event: ConditionChanged, cause: common_pb2.Cause
) -> place_pb2.ConditionRecord:
    return place_pb2.ConditionRecord(
        cause=cause,
        condition=int(event.condition),  # type: ignore[arg-type]  # numbers of the wire
        servers=event.servers,
        changed_at_ms=event.changed_at_ms,
        directive_ids=[q.directive_id for q in event.quarantines],
        racks=sorted({rack for q in event.quarantines for rack in q.racks}),
        quarantines=[
            place_pb2.Quarantine(directive_id=q.directive_id, racks=q.racks)
            for q in event.quarantines
        ],
    )


def _condition(message: place_pb2.ConditionRecord) -> ConditionChanged:
    return ConditionChanged(
        Condition(message.condition),
        tuple(message.servers),
        message.changed_at_ms,
        tuple(Quarantine(q.directive_id, tuple(q.racks)) for q in message.quarantines),
    )
