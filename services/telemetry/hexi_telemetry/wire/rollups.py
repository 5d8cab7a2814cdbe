"""Rollups as messages: published, stored, and read back."""

from __future__ import annotations

from hexi.telemetry.v1 import telemetry_pb2
from hexi_contracts.topics import TELEMETRY_ROLLUP
from hexi_kit.ids import derive
from hexi_kit.kafka.record import Outgoing

from hexi_telemetry.domain.rollup import Pue, Rollup


def rollup_message(rollup: Rollup, revision: int) -> telemetry_pb2.RollupClosed:
    return telemetry_pb2.RollupClosed(
        site_id=rollup.site_id,
        start_ms=rollup.start_ms,
        end_ms=rollup.end_ms,
        revision=revision,
        it_energy_ws=rollup.it_energy_ws,
        facility_energy_ws=rollup.facility_energy_ws,
        pue=None if rollup.pue is None else _pue_message(rollup.pue),
        coverage_ppm=rollup.coverage_ppm,
        boundary=rollup.boundary,
        frames=rollup.frames,
    )


def rollup_of(message: telemetry_pb2.RollupClosed) -> Rollup:
    pue = message.pue if message.HasField("pue") else None
    return Rollup(
        message.site_id,
        message.start_ms,
        message.end_ms,
        message.it_energy_ws,
        message.facility_energy_ws,
        None if pue is None else Pue(pue.value_milli, pue.low_milli, pue.high_milli, pue.category),
        message.coverage_ppm,
        message.boundary,
        message.frames,
    )


def rollup_event(rollup: Rollup, revision: int) -> Outgoing:
    event_id = derive("rollup", rollup.site_id, rollup.start_ms, rollup.end_ms, revision)
    message = rollup_message(rollup, revision)
    return Outgoing(TELEMETRY_ROLLUP, rollup.site_id, message, event_id)


def _pue_message(pue: Pue) -> telemetry_pb2.Pue:
    # A year of readings makes a PUE; anything shorter is interim.
    return telemetry_pb2.Pue(
        value_milli=pue.value_milli,
        low_milli=pue.low_milli,
        high_milli=pue.high_milli,
        category=pue.category,
        interim=True,
    )
