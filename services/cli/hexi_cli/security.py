"""`hexi incident …`, `hexi quarantine`: the SOC's hands."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from hexi.security.v1 import security_pb2
from hexi.security.v1 import security_service_pb2 as pb
from hexi.security.v1.security_service_pb2_grpc import SecurityServiceStub
from hexi_kit import ids

from hexi_cli.render import enum_word, told_in_one_sentence, when
from hexi_cli.state import State, state_of

app = typer.Typer()
incidents = typer.Typer(help="Incidents and their legal clocks. 安全事件", no_args_is_help=True)
app.add_typer(incidents, name="incident")


class Step(StrEnum):
    """Where an incident can be moved."""

    acknowledged = "acknowledged"
    contained = "contained"
    closed = "closed"


def security(state: State) -> SecurityServiceStub:
    return state.stub("security_monitor", SecurityServiceStub)


@incidents.command("list")
def list_incidents(
    context: typer.Context,
    site: str = "",
    open_only: Annotated[bool, typer.Option("--open")] = False,
) -> None:
    """Incidents, with the next deadline of each."""
    state = state_of(context)
    request = pb.ListIncidentsRequest(site_id=site, open_only=open_only, page_size=200)
    with told_in_one_sentence():
        found = security(state).ListIncidents(request).incidents
    state.printer.messages(
        found,
        ("incident", "site", "name", "severity", "state", "deadline"),
        (
            (
                i.incident_id,
                i.site_id,
                i.title,
                enum_word(security_pb2.Severity.Name(i.severity), "SEVERITY_"),
                enum_word(security_pb2.IncidentState.Name(i.state), "INCIDENT_STATE_"),
                when(min((d.due_at_ms for d in i.deadlines), default=0)),
            )
            for i in found
        ),
    )


@incidents.command()
def show(context: typer.Context, incident_id: str) -> None:
    """One incident with its findings."""
    state = state_of(context)
    with told_in_one_sentence():
        answer = security(state).GetIncident(pb.GetIncidentRequest(incident_id=incident_id))
    incident = answer.incident
    lines = [f"{incident.title} ({incident.site_id}), opened {when(incident.opened_at_ms)}"]
    lines += [f"due {when(d.due_at_ms)} to {d.addressee} ({d.source})" for d in incident.deadlines]
    lines += [f"quarantine {d}" for d in incident.directive_ids]
    state.printer.say(answer, "\n".join([*lines, *answer.findings]))


@incidents.command()
def advance(
    context: typer.Context,
    incident_id: str,
    step: Annotated[Step, typer.Argument()],
    note: str = "",
) -> None:
    """Acknowledge, contain or close an incident."""
    state = state_of(context)
    request = pb.AdvanceIncidentRequest(
        idempotency_key=ids.random_id(),
        incident_id=incident_id,
        state=security_pb2.IncidentState.Value(f"INCIDENT_STATE_{step.value.upper()}"),
        note=note,
    )
    with told_in_one_sentence():
        answer = security(state).AdvanceIncident(request)
    state.printer.say(answer.incident, f"{incident_id}: {step.value}")


@app.command()
def quarantine(
    context: typer.Context,
    site: str,
    racks: Annotated[list[str], typer.Argument(help="names of racks")],
    reason: Annotated[str, typer.Option()],
    incident: str = "",
) -> None:
    """Take racks out of service and empty them."""
    state = state_of(context)
    request = pb.IssueDirectiveRequest(
        idempotency_key=ids.random_id(),
        site_id=site,
        racks=racks,
        reason=reason,
        incident_id=incident,
    )
    with told_in_one_sentence():
        directive = security(state).IssueDirective(request).directive
    state.printer.say(directive, f"{directive.directive_id}: {', '.join(racks)} of {site} out")
