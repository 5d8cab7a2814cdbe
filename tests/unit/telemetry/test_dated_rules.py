"""Goal: a dated rule begins with its day in Shanghai, as windows do. Method: the shipped rules."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hexi_telemetry.settings import TelemetrySettings

SHANGHAI = timezone(timedelta(hours=8))


def test_the_first_rule_of_energy_begins_at_midnight_in_shanghai() -> None:
    first = TelemetrySettings().energy.dated[0]

    assert datetime.fromtimestamp(first.effective_from_ms / 1_000, SHANGHAI) == datetime(
        2022, 9, 23, tzinfo=SHANGHAI
    )
