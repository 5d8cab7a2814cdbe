"""Rollups as messages, as they are stored and published, and the alarm that physics raises."""

from __future__ import annotations

from hexi.telemetry.v1 import telemetry_pb2
from hexi_contracts.topics import SECURITY_EVENT, TELEMETRY_ROLLUP
from hexi_kit.ids import derive
from hexi_kit.kafka.record import Outgoing
from hexi_kit.security_events import METER_IMPLAUSIBLE, SecurityEvent, ocsf_event

from hexi_telemetry.domain.energy.rollup import Indicator, Pue, Rollup


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
        indicators=[_indicator_message(one) for one in rollup.indicators],
    )


def rollup_event(rollup: Rollup, revision: int) -> Outgoing:
    event_id = derive("rollup", rollup.site_id, rollup.start_ms, rollup.end_ms, revision)
    message = rollup_message(rollup, revision)
    return Outgoing(TELEMETRY_ROLLUP, rollup.site_id, message, event_id)


def impossible_event(rollup: Rollup) -> Outgoing:
    """A building that uses less than its servers; told once a window, however often restated."""
    event_id = derive(METER_IMPLAUSIBLE, rollup.site_id, rollup.start_ms, rollup.end_ms)
    found = f"facility {rollup.facility_energy_ws} Ws, IT {rollup.it_energy_ws} Ws"
    document = ocsf_event(
        SecurityEvent(
            event_id,
            METER_IMPLAUSIBLE,
            "PUE_BELOW_ONE",
            rollup.end_ms,
            "telemetry",
            "hexi.telemetry.v1.TelemetryService/PushFrames",
            "",
            rollup.site_id,
            "medium",
            f"meters refused: expected the facility to use what IT uses and more, was {found}",
            details={"site_id": rollup.site_id},
        )
    )
    return Outgoing(SECURITY_EVENT, rollup.site_id, document, event_id)


def _pue_message(pue: Pue) -> telemetry_pb2.Pue:
    return telemetry_pb2.Pue(
        value_milli=pue.value_milli,
        low_milli=pue.low_milli,
        high_milli=pue.high_milli,
        category=pue.category,
        interim=pue.is_interim,
    )


def _indicator_message(indicator: Indicator) -> telemetry_pb2.Indicator:
    return telemetry_pb2.Indicator(
        name=indicator.name,
        unit=indicator.unit,
        value_micro=indicator.bounds.value,
        low_micro=indicator.bounds.low,
        high_micro=indicator.bounds.high,
    )
