"""`hexi telemetry gaps|pue`: what was not heard, and what the meters say of each interval."""

from __future__ import annotations

from collections import deque
from typing import Annotated

import typer
from hexi.telemetry.v1 import telemetry_pb2
from hexi.telemetry.v1 import telemetry_service_pb2 as pb
from hexi.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub

from hexi_cli.moments import duration_ms, moment_ms
from hexi_cli.pages import pages
from hexi_cli.pictures import now_ms
from hexi_cli.render import Cell, enum_word, told_in_one_sentence, when
from hexi_cli.state import State, state_of

app = typer.Typer()
WS_PER_KWH = 3_600_000
WIDTHS = ("1m", "15m", "1h", "1d")
INDICATORS = ("CUE", "REF", "WUE")
SiteId = Annotated[str, typer.Option("--site", help="for example lanzhou")]


def telemetry(state: State) -> TelemetryServiceStub:
    return state.stub("telemetry", TelemetryServiceStub)


@app.command()
def gaps(
    context: typer.Context,
    site: SiteId,
    last: Annotated[int, typer.Option(min=1, help="only the newest so many")] = 50,
) -> None:
    """Frames that never came, and why: nothing is lost silently."""
    state = state_of(context)
    with told_in_one_sentence():
        asked = pages(telemetry(state).ListGaps, pb.ListGapsRequest(site_id=site))
        found = deque((gap for page in asked for gap in page.gaps), last)
    columns = ("agent", "epoch", "first", "last", "cause", "from", "to", "recorded")
    rows = (
        (
            gap.agent_id,
            str(gap.epoch),
            *_numbers(gap),
            enum_word(telemetry_pb2.GapCause.Name(gap.cause), "GAP_CAUSE_"),
            when(gap.from_ms),
            when(gap.to_ms),
            when(gap.recorded_at_ms),
        )
        for gap in found
    )
    state.printer.messages(found, columns, rows)


@app.command()
def pue(
    context: typer.Context,
    site: SiteId,
    begin: Annotated[str, typer.Option("--from", help="24h ago, or a time")] = "24h",
    end: Annotated[str, typer.Option("--to", help="0m ago, or a time")] = "0m",
    width: Annotated[str, typer.Option(help=f"of an interval: {', '.join(WIDTHS)}")] = "1h",
) -> None:
    """Energy and PUE by interval, with bounds, category and coverage."""
    state = state_of(context)
    if width not in WIDTHS:
        raise typer.BadParameter(f"expected one of {', '.join(WIDTHS)}", param_hint="--width")
    with told_in_one_sentence():
        now = now_ms(state, site)
        request = pb.ListRollupsRequest(
            site_id=site,
            from_ms=moment_ms(begin, now, "--from"),
            to_ms=moment_ms(end, now, "--to"),
            width_ms=duration_ms(width, "--width"),
        )
        asked = pages(telemetry(state).ListRollups, request)
        found = [rollup for page in asked for rollup in page.rollups]
    columns = ("time", "IT kWh", "facility kWh", "PUE", "low", "high", "category", *INDICATORS,
               "coverage", "revision")  # fmt: skip
    state.printer.messages(found, columns, (_row(one) for one in found))


def _numbers(gap: telemetry_pb2.GapRecorded) -> tuple[Cell, Cell]:
    """In a silence no number is missing; of a lost epoch nobody knows how many there were."""
    if gap.cause == telemetry_pb2.GAP_CAUSE_SILENT:
        return "–", "–"
    return gap.first_sequence, gap.last_sequence or "?"


def _row(rollup: telemetry_pb2.RollupClosed) -> list[Cell]:
    known = rollup.HasField("pue")
    pue = rollup.pue
    said = {one.name: one for one in rollup.indicators}
    return [
        when(rollup.start_ms),
        _kwh(rollup.it_energy_ws),
        _kwh(rollup.facility_energy_ws) if rollup.facility_energy_ws else "–",
        *(
            f"{milli / 1_000:.3f}" if known else "–"
            for milli in (pue.value_milli, pue.low_milli, pue.high_milli)
        ),
        f"{pue.category}{' (interim)' if pue.interim else ''}" if known else "–",
        *(_indicator(said[name]) if name in said else "–" for name in INDICATORS),
        f"{rollup.coverage_ppm / 10_000:.1f} %",
        int(rollup.revision),
    ]


def _kwh(energy_ws: int) -> str:
    whole, part = divmod(energy_ws * 1_000 // WS_PER_KWH, 1_000)
    return f"{whole:,}.{part:03d}"


def _indicator(one: telemetry_pb2.Indicator) -> str:
    unit = one.unit if one.unit != "1" else ""
    return f"{one.value_micro / 1_000_000:.3f} {unit}".rstrip()
