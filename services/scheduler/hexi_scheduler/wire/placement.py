"""Placements, in and out."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from hexi.scheduler.v1 import place_pb2

from hexi_scheduler.domain.placement import (
    PLACED,
    Allocation,
    Placement,
    PlacementState,
    Run,
    Tariff,
)
from hexi_scheduler.domain.workload import NOBODY
from hexi_scheduler.wire.splice import nested
from hexi_scheduler.wire.workload import WorkloadReader, why_not, why_not_message

STATES = {state.value: state for state in PlacementState}
NO_RUN = Run()
KEPT_MAX = 4_096
TERMS = Placement._fields.index("class_id")


def placement_bytes(of: Placement, site_id: str, cause: bytes) -> bytes:
    """The record of a placement, its workload spliced in as it came."""
    parts = [cause, nested(2, of.placement_id.encode()), _begun(site_id, of.attempt, of.state)]
    for server, devices, milli in of.allocations:
        part = place_pb2.Allocation(server=server, devices=devices, device_milli=milli)
        parts.append(nested(7, part.SerializeToString()))
    # Those of one command share their terms. What a run says is never the same, and may be long.
    alike = of.why_not is None and of.run == NO_RUN
    parts.append(_terms_again((of.placed_at_ms, *of[TERMS:])) if alike else _terms(of))
    parts.append(nested(5, of.workload.body))
    return b"".join(parts)


@lru_cache(KEPT_MAX)
def _begun(site_id: str, attempt: int, state: PlacementState) -> bytes:
    return place_pb2.PlacementRecord(
        site_id=site_id,
        attempt=attempt,
        state=state.value,  # type: ignore[arg-type]  # numbers are those of the wire
    ).SerializeToString()


@lru_cache(KEPT_MAX)
def _terms_again(said: tuple[Any, ...]) -> bytes:
    """What a placement says after its allocations."""
    placed_at_ms, *terms = said
    return _terms(Placement._make(("", NOBODY, 0, PLACED, placed_at_ms, (), *terms)))


def _terms(of: Placement) -> bytes:
    tariff = of.tariff
    message = place_pb2.PlacementRecord(
        class_id=of.class_id,
        server_set_revision=of.server_set_revision,
        units=of.units,
        placed_at_ms=of.placed_at_ms,
        executor=of.executor,
        list_price_micro_yuan=tariff.list_micro_yuan,
        price_micro_yuan=tariff.lease_micro_yuan if tariff.lease_id else tariff.list_micro_yuan,
    )
    if tariff.lease_id:
        message.lease_id = tariff.lease_id
        message.lease_until_ms = tariff.lease_until_ms
    if of.run != NO_RUN:
        _put_run(message, of)
    if of.reason:
        message.reason = of.reason
    _put_urgency(message, of)
    if of.why_not is not None:
        message.why_not.CopyFrom(why_not_message(of.why_not))
    return message.SerializeToString()


def placement(message: place_pb2.PlacementRecord, reader: WorkloadReader) -> Placement:
    run = NO_RUN
    if message.started_at_ms or message.ended_at_ms:
        run = Run(
            message.started_at_ms,
            message.ended_at_ms,
            message.exit_code,
            message.energy_ws,
            message.output,
            message.output_truncated,
        )
    leased = bool(message.lease_id)
    return Placement(
        message.placement_id,
        reader.read(message.workload),
        message.attempt,
        STATES[message.state],
        message.placed_at_ms,
        tuple(Allocation(a.server, tuple(a.devices), a.device_milli) for a in message.allocations),
        message.class_id,
        message.executor,
        message.server_set_revision,
        Tariff(
            message.list_price_micro_yuan,
            message.lease_id,
            message.price_micro_yuan if leased else 0,
            message.lease_until_ms,
        ),
        message.units,
        message.billed_until_ms,
        run,
        message.reason,
        why_not(message.why_not) if message.HasField("why_not") else None,
        message.borrowed,
        message.preempted_by,
        message.wasted_accelerator_ms,
        message.expected_start_ms,
        message.claim_until_ms,
    )


def _put_urgency(message: place_pb2.PlacementRecord, of: Placement) -> None:
    if of.borrowed:
        message.borrowed = True
    if of.preempted_by:
        message.preempted_by = of.preempted_by
        message.wasted_accelerator_ms = of.wasted_accelerator_ms
    if of.claim_until_ms:
        message.claim_until_ms = of.claim_until_ms
        message.expected_start_ms = of.expected_start_ms


def _put_run(message: place_pb2.PlacementRecord, of: Placement) -> None:
    run = of.run
    message.started_at_ms = run.started_at_ms
    message.ended_at_ms = run.ended_at_ms
    message.exit_code = run.exit_code
    message.energy_ws = run.energy_ws
    message.billed_until_ms = of.billed_until_ms
    if run.output:
        message.output = run.output
        message.output_truncated = run.output_truncated
