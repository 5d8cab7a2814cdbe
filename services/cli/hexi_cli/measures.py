"""`hexi telemetry grades|links|compute`: how good a site is, and what it was measured by."""

from __future__ import annotations

from typing import Annotated

import typer
from hexi.telemetry.v1 import measure_pb2
from hexi.telemetry.v1 import measure_service_pb2 as pb
from hexi.telemetry.v1.measure_service_pb2_grpc import MeasureServiceStub

from hexi_cli.pages import pages
from hexi_cli.render import Cell, enum_word, told_in_one_sentence, when
from hexi_cli.state import State, state_of

app = typer.Typer()
SiteId = Annotated[str, typer.Option("--site", help="for example lanzhou")]
AnySite = Annotated[str, typer.Option("--site", help="left out: all")]


def measures_door(state: State) -> MeasureServiceStub:
    return state.stub("telemetry", MeasureServiceStub)


@app.command()
def grades(context: typer.Context, site: SiteId) -> None:
    """Grades A to D by the rules in force; * marks the rule that decides its dimension."""
    state = state_of(context)
    with told_in_one_sentence():
        found = measures_door(state).ListGrades(pb.ListGradesRequest(site_id=site)).grades
    columns = ("dimension", "grade", "value", "limit", "unit", "rule", "since", "evidence")
    rows = (
        (
            one.dimension,
            f"{one.grade or '–'}{' *' if one.decides else ''}",
            one.value if one.grade else "–",
            one.limit if one.grade else "–",
            one.unit,
            one.rule_id,
            one.effective_from,
            one.evidence,
        )
        for one in found
    )
    state.printer.messages(found, columns, rows)


@app.command()
def links(context: typer.Context, site: AnySite = "") -> None:
    """Round trips between sites, as their agents measured them."""
    state = state_of(context)
    found = _sites(state, site)
    columns = ("site", "peer", "p50 µs", "p99 µs", "samples", "lost", "state", "at")
    rows = (
        (
            one.site_id,
            link.peer_site_id,
            link.rtt_p50_us,
            link.rtt_p99_us,
            link.samples,
            link.lost,
            enum_word(measure_pb2.LinkState.Name(link.state), "LINK_STATE_"),
            when(link.measured_at_ms),
        )
        for one in found
        for link in one.links
    )
    state.printer.messages(found, columns, rows)


@app.command()
def compute(context: typer.Context, site: AnySite = "") -> None:
    """What machines do by benchmark: each precision by itself, nominal beside measured."""
    state = state_of(context)
    found = _sites(state, site)
    columns = ("site", "subject", "precision", "nominal GOPS", "measured GOPS", "GOPS/W", "at")
    rows = (
        (
            one.site_id,
            f"{vector.subject} × {vector.devices}",
            _precision(throughput),
            _giga(throughput.nominal_mops),
            _giga(throughput.measured_mops) if throughput.measured_mops else _why(throughput),
            _giga(throughput.mops_per_w),
            when(vector.measured_at_ms),
        )
        for one in found
        for vector in one.compute
        for throughput in vector.throughputs
    )
    state.printer.messages(found, columns, rows)


def _sites(state: State, site: str) -> list[measure_pb2.SiteMeasured]:
    request = pb.ListMeasuresRequest(site_id=site)
    with told_in_one_sentence():
        asked = pages(measures_door(state).ListMeasures, request)
        return [one for page in asked for one in page.sites]


def _precision(one: measure_pb2.Throughput) -> str:
    word = enum_word(measure_pb2.Precision.Name(one.precision), "PRECISION_").upper()
    return f"{word} sparse" if one.sparse else word


def _giga(mops: int) -> Cell:
    return f"{mops / 1_000:,.1f}" if mops else "–"


def _why(one: measure_pb2.Throughput) -> str:
    return f"– ({one.not_measured})"
