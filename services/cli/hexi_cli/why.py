"""`hexi why`: why a workload waits, and when it may start; or why it is where it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated

import typer
from hexi.scheduler.v1 import route_pb2
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi_kit.clock import SystemClock
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hexi_cli.render import plain, told_in_one_sentence
from hexi_cli.state import state_of
from hexi_cli.wait import OVER
from hexi_cli.words import title
from hexi_cli.work import WorkloadId, scheduler, word

app = typer.Typer()

WATCH_S = 2.0
SITES_MAX = 8
TERMS = ("price", "voucher", "energy", "carbon", "data", "latency", "risk")


@app.command()
def why(
    context: typer.Context,
    workload_id: WorkloadId,
    watch: Annotated[bool, typer.Option("--watch", help="again as things change")] = False,
) -> None:
    """Why a workload waits and when it may start, or why it is where it is."""
    state = state_of(context)
    printer = state.printer
    request = pb.ExplainWorkloadRequest(workload_id=workload_id)
    with told_in_one_sentence():
        stub = scheduler(state)
        shown: pb.ExplainWorkloadResponse | None = None
        while True:
            answer = stub.ExplainWorkload(request)
            if answer != shown:
                if printer.as_json:
                    printer.json(plain(answer))
                else:
                    if watch:
                        printer.console.clear()
                    printer.console.print(picture(answer, printer.lang), highlight=False)
                shown = answer
            if not watch or answer.state in OVER:
                return
            asyncio.run(SystemClock().sleep(WATCH_S))


def picture(answer: pb.ExplainWorkloadResponse, lang: str) -> Group:
    """The answer as people read it: the state, what stands in the way, when it may start."""
    return Group(*_parts(answer, lang))


def _parts(answer: pb.ExplainWorkloadResponse, lang: str) -> Iterator[RenderableType]:
    summary = answer.summary_zh if lang == "zh" else answer.summary
    yield Text(f"{word(answer.state)}: {summary}", style="bold")
    recorded = answer.now if answer.HasField("now") else answer.why_not
    if recorded.filters:
        yield _filters(answer, lang)
    if answer.misses:
        yield _misses(answer, lang)
    elif recorded.nearest_miss:
        yield Text(recorded.nearest_miss)
    if answer.HasField("expected_start"):
        start = answer.expected_start
        yield Text(f"{title('expected start', lang)}: {_either(start.text, start.text_zh, lang)}")
    if answer.choice.scores:
        yield _scores(answer.choice, lang)
    if answer.sites and not answer.choice.scores:
        yield _sites(answer, lang)


def _filters(answer: pb.ExplainWorkloadResponse, lang: str) -> Table:
    found = answer.now if answer.HasField("now") else answer.why_not
    table = _table(lang, "removed by", "sites", "servers")
    for f in found.filters:
        table.add_row(title(f.filter, lang), f"{f.sites_removed:,}", f"{f.servers_removed:,}")
    table.add_section()
    table.add_row(title("of", lang), f"{found.sites:,}", f"{found.servers:,}")
    return table


def _misses(answer: pb.ExplainWorkloadResponse, lang: str) -> Table:
    table = _table(lang, "dimension", "nearest miss")
    for miss in answer.misses:
        style = "bold" if miss.alone else "dim"
        table.add_row(
            title(miss.dimension, lang), Text(_either(miss.text, miss.text_zh, lang), style)
        )
    return table


def _scores(choice: route_pb2.Choice, lang: str) -> Table:
    """The chosen site first, then the next three, by the terms that cost anything."""
    full = [choice.cheapest_full] if choice.HasField("cheapest_full") else []
    scores = [*choice.scores, *full]
    terms = [term for term in TERMS if any(getattr(score, term) for score in scores)]
    table = _table(lang, "site", "class", "total", *terms)
    table.caption = title("micro-yuan per unit and slot", lang)
    for number, score in enumerate(scores):
        is_full = number == len(choice.scores)
        mark = f" ({title('full', lang)})" if is_full else ""
        total = sum(getattr(score, term) for term in TERMS)
        numbers = [f"{total:,}", *(_term(score, name, lang) for name in terms)]
        site = f"{'  ' if number else '● '}{score.site_id}{mark}"
        table.add_row(site, score.class_id, *numbers, style="dim" if is_full else "")
    return table


def _term(score: route_pb2.SiteScore, name: str, lang: str) -> str:
    """What it costs; of a latency also how long it is and who says so, of a voucher which one."""
    value = f"{getattr(score, name):,}"
    if name == "voucher" and score.voucher_id:
        return f"{value} ({score.voucher_id})"
    if name != "latency":
        return value
    said_by = title("measured" if score.latency_measured else "registered", lang)
    return f"{value} ({score.latency_us / 1_000:g} ms, {said_by})"


def _sites(answer: pb.ExplainWorkloadResponse, lang: str) -> Table:
    table = _table(lang, "site", "reason", "price")
    for site in answer.sites[:SITES_MAX]:
        reasons = "; ".join(title(name, lang) for name in site.objections)
        table.add_row(site.site_id, reasons or "✓", f"{site.cost_micro_yuan:,}")
    more = len(answer.sites) - SITES_MAX
    if more > 0:
        table.caption = f"+ {more:,} {title('more sites', lang)}"
    return table


def _table(lang: str, *columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for number, column in enumerate(columns):
        is_text = not number or column in ("nearest miss", "reason", "class")
        table.add_column(title(column, lang), justify="left" if is_text else "right")
    return table


def _either(english: str, chinese: str, lang: str) -> str:
    return chinese if lang == "zh" and chinese else english
