"""`hexi telemetry series|watch`: what was measured, and what is measured now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from hexi.telemetry.v1 import series_pb2, telemetry_pb2
from hexi.telemetry.v1 import series_service_pb2 as pb

from hexi_cli import measures, meters
from hexi_cli.moments import MINUTE_MS, duration_ms, moment_ms
from hexi_cli.pictures import now_ms, pictures, series_door
from hexi_cli.render import Cell, plain, told_in_one_sentence, when
from hexi_cli.state import State, state_of
from hexi_cli.words import title

app = typer.Typer(
    help="What was measured: series, the live province, gaps, PUE. 遥测", no_args_is_help=True
)
app.add_typer(meters.app)
app.add_typer(measures.app)

ROWS = 48
METRICS = {
    name.removeprefix("METRIC_").lower(): number
    for name, number in telemetry_pb2.Metric.items()
    if number
}
UNITS = {"w": "W", "c": "°C", "utilisation": "1", "s": "B/s", "rpm": "rpm"}
# Metrics of which the servers of a rack or site have a sum.
SUMMED = ("W", "B/s")
SiteId = Annotated[str, typer.Option("--site", help="for example lanzhou")]


@app.command()
def series(
    context: typer.Context,
    site: SiteId,
    metric: Annotated[str, typer.Option(help=", ".join(METRICS))] = "power_w",
    rack: Annotated[str, typer.Option(help="one rack by name")] = "",
    server: Annotated[int | None, typer.Option(min=0, help="one server by index")] = None,
    begin: Annotated[str, typer.Option("--from", help="24h ago, or a time")] = "24h",
    end: Annotated[str, typer.Option("--to", help="0m ago, or a time")] = "0m",
    step: Annotated[str, typer.Option(help="5m, 1h; left out: as fits")] = "",
    plot: Annotated[Path | None, typer.Option(help="write an SVG here instead")] = None,
) -> None:
    """One metric of a site, rack or server over time: mean, lowest, highest, coverage."""
    state = state_of(context)
    if metric not in METRICS:
        raise typer.BadParameter(f"expected one of {', '.join(METRICS)}", param_hint="--metric")
    if rack and server is not None:
        raise typer.BadParameter("expected a rack or a server, was both", param_hint="--server")
    with told_in_one_sentence():
        stub = series_door(state)
        now = now_ms(state, site)
        request = pb.QuerySeriesRequest(
            site_id=site,
            metric=telemetry_pb2.Metric.ValueType(METRICS[metric]),
            from_ms=moment_ms(begin, now, "--from"),
            to_ms=moment_ms(end, now, "--to"),
        )
        if rack:
            request.rack = rack
        elif server is not None:
            request.server = server
        if step:
            request.step_ms = duration_ms(step, "--step")
        elif not state.printer.as_json and plot is None:
            minutes = (request.to_ms - request.from_ms) // MINUTE_MS
            request.step_ms = max(1, -(-minutes // ROWS)) * MINUTE_MS
        found = stub.QuerySeries(request).series
    unit = UNITS[metric.rpartition("_")[2]]
    if plot is None:
        _table(state, found, unit)
        return
    # Drawing libraries take their time to load, and no other command needs them.
    from hexi_cli.plot import draw

    whole = "/".join(part for part in (site, rack, "" if server is None else str(server)) if part)
    plot.write_text(draw(found, f"{whole} {metric}", unit), encoding="utf-8")
    state.printer.say(found, f"{plot}: {len(found.mean)} points")


@app.command()
def watch(
    context: typer.Context,
    site: Annotated[list[str] | None, typer.Option(help="only this site; repeatable")] = None,
    every: Annotated[int, typer.Option(min=1, max=3_600, help="seconds")] = 5,
    once: Annotated[bool, typer.Option("--once", help="one picture and out")] = False,
) -> None:
    """The province as it is now, again and again."""
    state = state_of(context)
    printer = state.printer
    with told_in_one_sentence():
        for picture in pictures(series_door(state), site or [], every):
            if printer.as_json:
                printer.json(plain(picture))
            else:
                if not once:
                    printer.console.clear()
                _picture(state, picture)
            if once:
                return


def _table(state: State, found: series_pb2.Series, unit: str) -> None:
    def number(value: float) -> str:
        return f"{value:,.3f}" if unit == "1" else f"{value:,.1f}"

    def rows() -> Iterator[list[Cell]]:
        for place, coverage in enumerate(found.coverage_ppm):
            start = when(found.from_ms + place * found.step_ms)
            values = (found.mean[place], found.low[place], found.high[place])
            cells = [number(value) if coverage else "–" for value in values]
            total = found.mean[place] * found.servers[place]
            summed = [number(total) if coverage else "–"] if unit in SUMMED else []
            share = f"{coverage / 10_000:.1f} %"
            yield [start, *cells, *summed, found.servers[place], share, found.revision[place]]

    summed = ("sum",) if unit in SUMMED else ()
    columns = ("time", "mean", "low", "high", *summed, "servers", "coverage", "revision")
    state.printer.messages([found], columns, rows())
    if not state.printer.as_json:
        lang = state.printer.lang
        state.printer.console.print(f"{title('unit', lang)}: {unit}", highlight=False)


def _picture(state: State, picture: pb.WatchSitesResponse) -> None:
    rows = [
        (
            site.site_id,
            when(site.observed_at_ms),
            site.servers,
            f"{site.coverage_ppm / 10_000:.1f} %",
            f"{site.it_power_w / 1_000:,.1f}",
            f"{site.pue_milli / 1_000:.3f}" if site.HasField("pue_milli") else "–",
            f"{site.inlet_max_c:.1f}" if site.HasField("inlet_max_c") else "–",
            f"{site.cpu_utilisation:.0%}" if site.HasField("cpu_utilisation") else "–",
            _share(site),
            _silent(site),
        )
        for site in picture.sites
    ]
    columns = ("site", "time", "servers", "coverage", "IT kW", "PUE", "inlet max °C", "cpu use",
               "accelerator use", "silent racks")  # fmt: skip
    state.printer.table(columns, rows)
    if picture.HasField("province"):
        whole = picture.province
        pue = f"  PUE {whole.pue_milli / 1_000:.3f}" if whole.HasField("pue_milli") else ""
        state.printer.console.print(
            f"{when(picture.at_ms)}  {whole.sites:,} sites  {whole.servers:,} servers  "
            f"{whole.it_power_w / 1_000:,.1f} kW{pue}",
            highlight=False,
        )


def _share(site: series_pb2.SiteNow) -> str:
    return (
        f"{site.accelerator_utilisation:.0%}" if site.HasField("accelerator_utilisation") else "–"
    )


def _silent(site: series_pb2.SiteNow) -> str:
    shown = ", ".join(site.silent_racks[:3])
    more = site.silent_rack_count - 3
    return f"{shown} +{more}" if more > 0 else shown
