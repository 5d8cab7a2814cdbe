"""`hexi get|list|logs|cancel`: what becomes of work."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi.scheduler.v1 import workload_pb2
from hexi.scheduler.v1.scheduler_service_pb2_grpc import SchedulerServiceStub
from hexi_kit import ids

from hexi_cli.render import USAGE, enum_word, told_in_one_sentence, when
from hexi_cli.state import State, state_of

Tenant = Annotated[str, typer.Option(help="who submits and pays", envvar="HEXI_TENANT")]
WorkloadId = Annotated[str, typer.Argument(help="as `hexi submit` printed it")]


app = typer.Typer()


def scheduler(state: State) -> SchedulerServiceStub:
    return state.stub("scheduler", SchedulerServiceStub)


def word(state: workload_pb2.WorkloadState.ValueType) -> str:
    return enum_word(workload_pb2.WorkloadState.Name(state), "WORKLOAD_STATE_")


@app.command()
def get(context: typer.Context, workload_id: WorkloadId) -> None:
    """One workload: its state, where it is, how it ended."""
    state = state_of(context)
    with told_in_one_sentence():
        answer = scheduler(state).GetWorkload(pb.GetWorkloadRequest(workload_id=workload_id))
    view = answer.view
    placed = view.placement
    rows: list[tuple[str, str]] = [
        ("name", view.workload.spec.name),
        ("tenant", view.workload.tenant_id),
        ("state", word(view.state)),
        ("site", view.route.site_id or "–"),
        ("servers", ", ".join(str(a.server) for a in placed.allocations) or "–"),
        ("submitted", when(view.workload.submitted_at_ms)),
        ("started", when(placed.started_at_ms)),
        ("ended", when(placed.ended_at_ms)),
        ("exit", str(placed.exit_code) if placed.ended_at_ms else "–"),
        ("reason", view.route.reason or placed.reason or "–"),
    ]
    state.printer.messages([view], ("", ""), rows)


@app.command("list")
def list_workloads(
    context: typer.Context, tenant: Tenant, state_is: Annotated[str, typer.Option("--state")] = ""
) -> None:
    """A tenant's workloads."""
    state = state_of(context)
    wanted = f"WORKLOAD_STATE_{(state_is or 'unspecified').upper()}"
    if wanted not in workload_pb2.WorkloadState.keys():  # noqa: SIM118 - an enum wrapper, no dict
        typer.echo(f"--state: expected a state such as waiting, was {state_is!r}", err=True)
        raise typer.Exit(USAGE)
    request = pb.ListWorkloadsRequest(
        tenant_id=tenant, state=workload_pb2.WorkloadState.Value(wanted), page_size=1_000
    )
    with told_in_one_sentence():
        views = scheduler(state).ListWorkloads(request).views
    state.printer.messages(
        views,
        ("id", "name", "state", "site", "attempt"),
        (
            (
                v.workload.workload_id,
                v.workload.spec.name,
                word(v.state),
                v.route.site_id,
                v.route.attempt,
            )
            for v in views
        ),
    )


@app.command()
def logs(context: typer.Context, workload_id: WorkloadId) -> None:
    """What a run printed."""
    state = state_of(context)
    with told_in_one_sentence():
        answer = scheduler(state).GetWorkload(pb.GetWorkloadRequest(workload_id=workload_id))
    output = answer.view.placement.output.decode(errors="replace")
    if state.printer.as_json:
        typer.echo(json.dumps({"workload_id": workload_id, "output": output}, ensure_ascii=False))
    else:
        typer.echo(output, nl=False)


@app.command()
def cancel(context: typer.Context, workload_id: WorkloadId, reason: str = "") -> None:
    """Cancel a workload, wherever it is."""
    state = state_of(context)
    with told_in_one_sentence():
        answer = scheduler(state).CancelWorkload(
            pb.CancelWorkloadRequest(
                idempotency_key=ids.random_id(), workload_id=workload_id, reason=reason
            )
        )
    state.printer.say(answer, f"{workload_id}: cancellation asked")
