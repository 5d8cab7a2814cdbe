"""The figures that grades are given for, out of what is measured of one site."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from hexi_telemetry.domain.carbon import SHANGHAI_H
from hexi_telemetry.domain.measures.compute import ComputeVector
from hexi_telemetry.domain.measures.grades import Figure
from hexi_telemetry.domain.measures.hours import HourEnergy, emitted_mg
from hexi_telemetry.domain.measures.links import RegionLatency
from hexi_telemetry.domain.measures.precision import Fp64

PPM = 1_000_000
WS_PER_KWH = 3_600_000
MILLI = 1_000


def day_of(at_ms: int) -> str:
    """In Asia/Shanghai."""
    since_1970 = timedelta(milliseconds=at_ms, hours=SHANGHAI_H)
    return (datetime(1970, 1, 1, tzinfo=UTC) + since_1970).strftime("%Y-%m-%d")


def energy_figures(hours: Sequence[HourEnergy], g_per_kwh: Sequence[int]) -> dict[str, Figure]:
    """PUE and CUE over all hours together, rounded up: no grade is won by rounding."""
    metered = [hour for hour in hours if hour.facility_ws and hour.it_ws]
    it_ws = sum(hour.it_ws for hour in metered)
    if not it_ws:
        return {}
    evidence = f"{len(metered)} metered hours until {day_of(max(metered).start_ms)}"
    facility_ws = sum(hour.facility_ws for hour in metered)
    figures = {"pue": Figure(-(-facility_ws * MILLI // it_ws), evidence)}
    if g_per_kwh:
        total_mg = sum(emitted_mg(hour, g_per_kwh) for hour in metered)
        figures["cue"] = Figure(-(-total_mg * WS_PER_KWH // (it_ws * MILLI)), evidence)
    return figures


def latency_figures(found: Iterable[RegionLatency], own_region: str) -> dict[str, Figure]:
    """To every region under its name, and to the one the site stands in."""
    figures = {}
    for one in found:
        figure = Figure(one.one_way_us, f"{one.sites} links, {one.samples} round trips")
        figures[f"region-{one.region}"] = figure
        if one.region == own_region:
            figures["own-region"] = figure
    return figures


def compute_figures(vectors: Iterable[ComputeVector]) -> dict[str, Figure]:
    """The best subject counts: work that asks for efficiency is placed there."""
    found = [
        Figure(one.mops_per_w, f"{vector.subject}, run {vector.placement_id}")
        for vector in vectors
        for one in vector.throughputs
        if one.precision == Fp64.number and not one.sparse and one.mops_per_w
    ]
    return {"fp64-per-watt": max(found)} if found else {}


def security_figures(security_grade: int, accepted: int, refused: int) -> dict[str, Figure]:
    """What the site is certified for, and how much of what it sends is refused."""
    figures = {"protection-grade": Figure(security_grade, "registered")} if security_grade else {}
    if decided := accepted + refused:
        ppm = -(-refused * PPM // decided)
        figures["refused-frames"] = Figure(ppm, f"{refused} of {decided} frames refused")
    return figures
