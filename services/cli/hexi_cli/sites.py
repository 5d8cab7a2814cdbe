"""`hexi site …`: register, publish, conform, decide, look."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import json_format
from hexi.inventory.v1 import inventory_pb2
from hexi.inventory.v1 import inventory_service_pb2 as pb
from hexi.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from hexi_kit import ids

from hexi_cli.render import enum_word, told_in_one_sentence, when
from hexi_cli.state import state_of

app = typer.Typer(help="Data centres: facts, servers, admission. 数据中心", no_args_is_help=True)
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON of the message")]
SiteId = Annotated[str, typer.Argument(help="for example lanzhou")]


class Decision(StrEnum):
    """What a supervisor can decide."""

    admitted = "admitted"
    suspended = "suspended"
    withdrawn = "withdrawn"


@app.command("list")
def list_sites(context: typer.Context) -> None:
    """All sites, with class and standing."""
    state = state_of(context)
    with told_in_one_sentence():
        stub = state.stub("inventory", InventoryServiceStub)
        sites = stub.ListSites(pb.ListSitesRequest(page_size=500)).sites
    state.printer.messages(
        sites,
        ("id", "name", "class", "admission", "PUE", "revision"),
        (
            (
                s.site.site_id,
                f"{s.site.name_zh} {s.site.name_en}",
                enum_word(inventory_pb2.SiteClass.Name(s.site_class), "SITE_CLASS_"),
                enum_word(inventory_pb2.AdmissionState.Name(s.state), "ADMISSION_STATE_"),
                f"{s.site.pue_milli / 1_000:.3f}",
                s.revision,
            )
            for s in sites
        ),
    )


@app.command()
def show(context: typer.Context, site_id: SiteId, revision: int = 0) -> None:
    """One site as it was at a revision (0: the newest)."""
    state = state_of(context)
    with told_in_one_sentence():
        stub = state.stub("inventory", InventoryServiceStub)
        answer = stub.GetSite(pb.GetSiteRequest(site_id=site_id, revision=revision))
    state.printer.say(
        answer.recorded, json_format.MessageToJson(answer.recorded, ensure_ascii=False)
    )


@app.command()
def register(context: typer.Context, file: File) -> None:
    """Register a site, or change its facts."""
    state = state_of(context)
    site = json_format.Parse(file.read_text(encoding="utf-8"), inventory_pb2.Site())
    with told_in_one_sentence():
        stub = state.stub("inventory", InventoryServiceStub)
        answer = stub.RegisterSite(
            pb.RegisterSiteRequest(idempotency_key=ids.random_id(), site=site)
        )
    recorded = answer.recorded
    state.printer.say(recorded, f"{recorded.site.site_id}: revision {recorded.revision}")


@app.command()
def publish(context: typer.Context, file: File) -> None:
    """Publish a server set whole."""
    state = state_of(context)
    servers = json_format.Parse(file.read_text(encoding="utf-8"), inventory_pb2.ServerSet())
    with told_in_one_sentence():
        stub = state.stub("inventory", InventoryServiceStub)
        answer = stub.PublishServerSet(
            pb.PublishServerSetRequest(idempotency_key=ids.random_id(), server_set=servers)
        )
    text = f"{answer.site_id}: revision {answer.revision}, {answer.servers:,} servers"
    changes = f"{answer.added} added, {answer.removed} removed, {answer.changed} changed"
    state.printer.say(answer, f"{text} ({changes})")


@app.command()
def conform(context: typer.Context, site_id: SiteId) -> None:
    """Check a site against the rules in force."""
    state = state_of(context)
    with told_in_one_sentence():
        stub = state.stub("inventory", InventoryServiceStub)
        answer = stub.ConformSite(
            pb.ConformSiteRequest(idempotency_key=ids.random_id(), site_id=site_id)
        )
    findings = answer.admission.findings
    state.printer.messages(
        findings,
        ("rule", "value", "limit", "passed", "since", "evidence"),
        (
            (
                f.rule_id,
                f.value,
                f"{f.limit} {f.unit}",
                "✓" if f.passed else "✗",
                f.effective_from,
                f.source,
            )
            for f in findings
        ),
    )


@app.command()
def decide(
    context: typer.Context,
    site_id: SiteId,
    decision: Annotated[Decision, typer.Argument()],
    reason: Annotated[str, typer.Option(help="kept with the decision")],
) -> None:
    """Admit, suspend or withdraw a site (supervisors only)."""
    state = state_of(context)
    wanted = inventory_pb2.AdmissionState.Value(f"ADMISSION_STATE_{decision.value.upper()}")
    with told_in_one_sentence():
        stub = state.stub("inventory", InventoryServiceStub)
        answer = stub.DecideAdmission(
            pb.DecideAdmissionRequest(
                idempotency_key=ids.random_id(), site_id=site_id, state=wanted, reason=reason
            )
        )
    admission = answer.admission
    at = when(admission.decided_at_ms)
    state.printer.say(admission, f"{site_id}: {decision.value} by {admission.decided_by} at {at}")
