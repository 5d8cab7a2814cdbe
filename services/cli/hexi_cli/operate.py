"""`hexi site drain|undrain|lost|loss`: servers and sites leave, and come back."""

from __future__ import annotations

from typing import Annotated

import typer
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi.scheduler.v1 import workload_pb2
from hexi.scheduler.v1.scheduler_service_pb2_grpc import SchedulerServiceStub
from hexi_kit import ids

from hexi_cli.render import enum_word, told_in_one_sentence, when
from hexi_cli.state import State, state_of

app = typer.Typer()
SiteId = Annotated[str, typer.Argument(help="for example lanzhou")]


def scheduler(state: State) -> SchedulerServiceStub:
    return state.stub("scheduler", SchedulerServiceStub)


@app.command()
def drain(
    context: typer.Context,
    site_id: SiteId,
    reason: Annotated[str, typer.Option(help="kept with every eviction")],
    rack: Annotated[list[str] | None, typer.Option(help="only this rack; may be repeated")] = None,
    server: Annotated[list[int] | None, typer.Option(help="only this server, by index")] = None,
    grace: Annotated[int, typer.Option(help="seconds in which running work may end")] = 3_600,
) -> None:
    """Take a site, racks or servers out: no new work, and none at all after the grace."""
    state = state_of(context)
    request = pb.DrainSiteRequest(
        idempotency_key=ids.random_id(),
        site_id=site_id,
        active=True,
        racks=rack or [],
        servers=server or [],
        grace_s=grace,
        reason=reason,
    )
    with told_in_one_sentence():
        answer = scheduler(state).DrainSite(request)
    until = when(answer.evict_at_ms)
    state.printer.say(answer, f"{answer.drain_id}: drains, and is empty after {until}")


@app.command()
def undrain(context: typer.Context, site_id: SiteId, drain_id: str) -> None:
    """Give drained servers back."""
    state = state_of(context)
    request = pb.DrainSiteRequest(
        idempotency_key=ids.random_id(), site_id=site_id, drain_id=drain_id, active=False
    )
    with told_in_one_sentence():
        answer = scheduler(state).DrainSite(request)
    state.printer.say(answer, f"{drain_id}: over")


@app.command()
def lost(
    context: typer.Context,
    site_id: SiteId,
    reason: Annotated[str, typer.Option(help="kept with every eviction")] = "",
    back: Annotated[bool, typer.Option("--back", help="the site is back")] = False,
) -> None:
    """Declare a site lost: its work is placed elsewhere, the most urgent first."""
    state = state_of(context)
    request = pb.DeclareSiteLostRequest(
        idempotency_key=ids.random_id(), site_id=site_id, lost=not back, reason=reason
    )
    with told_in_one_sentence():
        answer = scheduler(state).DeclareSiteLost(request)
    told = "is back" if back else f"is lost; see `hexi site loss {site_id}`"
    state.printer.say(answer, f"{site_id} {told}")


@app.command()
def loss(context: typer.Context, site_id: SiteId) -> None:
    """What became of the work of a lost site, and what could not be saved."""
    state = state_of(context)
    with told_in_one_sentence():
        answer = scheduler(state).GetSiteLoss(pb.GetSiteLossRequest(site_id=site_id))
    since = f"lost at {when(answer.lost_at_ms)}" if answer.lost_at_ms else "not lost"
    unsaved = len(answer.unsaved)
    counts = f"{answer.evicted} given up, {answer.saved} saved, {unsaved} not yet"
    lines = [f"{site_id}: {since}; {counts}"]
    for one in answer.unsaved:
        name = workload_pb2.WorkloadState.Name(one.state)
        word = enum_word(name, "WORKLOAD_STATE_")
        lines.append(f"{one.workload_id} (priority {one.priority}) {word}: {one.nearest_miss}")
    state.printer.say(answer, "\n".join(lines))
