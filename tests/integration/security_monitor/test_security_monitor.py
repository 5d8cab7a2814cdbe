"""Goal: events become findings, incidents and directives, and every one is accounted for."""

from __future__ import annotations

import json

import grpc
import numpy as np
import pytest
from hexi.inventory.v1 import inventory_pb2
from hexi.security.v1 import security_pb2
from hexi.security.v1 import security_service_pb2 as pb
from hexi.telemetry.v1 import telemetry_pb2
from hexi_contracts import topics
from hexi_kit import errors
from hexi_kit.identity import Principal
from hexi_kit.rpc.status import from_rpc_error
from hexi_kit.security_events import FRAME_REFUSED, IDENTITY_REFUSED, SecurityEvent, ocsf_event
from hexi_kit.testing.fuzz import Attack, assault

pytestmark = pytest.mark.integration

SOC = Principal("soc", "desk")
OPERATOR = Principal("operator", "duty")
TENANT = Principal("tenant", "main", "hospital")
AGENT = Principal("agent", "1", "lanzhou")
NOW_MS = 1_795_200_000_000
PERIOD_MS = 10_000
TIMEOUT_S = 10
HOUR_MS = 3_600_000


def server_set(revision: int = 1, racks: int = 4, each: int = 5) -> inventory_pb2.ServerSet:
    return inventory_pb2.ServerSet(
        site_id="lanzhou",
        revision=revision,
        racks=[f"r{i}" for i in range(racks)],
        rack_index=[i // each for i in range(racks * each)],
    )


def site(**changes: object) -> inventory_pb2.SiteRecorded:
    facts = inventory_pb2.Site(site_id="lanzhou", security_grade=2, **changes)
    return inventory_pb2.SiteRecorded(
        site=facts, revision=1, state=inventory_pb2.ADMISSION_STATE_ADMITTED
    )


def refused_frame(uid: str, reason: str = "SIGNATURE", at_ms: int = NOW_MS, **details: object):
    return ocsf_event(
        SecurityEvent(
            uid, FRAME_REFUSED, reason, at_ms, "telemetry", "PushFrames", AGENT.uri, AGENT.uri,
            details={"site_id": "lanzhou", "agent_id": "1", **details},
        )
    )  # fmt: skip


def refused_identity(uid: str, source: str = "10.0.0.9", at_ms: int = NOW_MS):
    return ocsf_event(
        SecurityEvent(
            uid, IDENTITY_REFUSED, "handshake", at_ms, "inventory", "handshake", "", source
        )
    )


def frame(at_ms: int, silent: frozenset[int] = frozenset(), count: int = 20):
    good = np.array([i // 5 not in silent for i in range(count)])
    inner = telemetry_pb2.Frame(
        site_id="lanzhou",
        server_set_revision=1,
        observed_at_ms=at_ms,
        period_ms=PERIOD_MS,
        count=count,
        quality=np.packbits(good, bitorder="little").tobytes(),
    )
    return telemetry_pb2.SignedFrame(frame=inner.SerializeToString())


async def incidents(watching, **request: object) -> list[security_pb2.Incident]:
    stub = await watching.stub(SOC)
    answer = await stub.ListIncidents(pb.ListIncidentsRequest(**request), timeout=TIMEOUT_S)
    return list(answer.incidents)


async def test_tampered_frame_of_one_rack_becomes_an_incident_and_a_quarantine(watching) -> None:
    await watching.tell(topics.INVENTORY_SERVER_SET, server_set())
    await watching.tell(topics.INVENTORY_SITE, site())

    await watching.tell(topics.SECURITY_EVENT, refused_frame("e1", racks=["r2"]))

    (incident,) = await incidents(watching)
    assert (incident.site_id, incident.rule_id) == ("lanzhou", "frame-tampered")
    assert incident.state == security_pb2.INCIDENT_STATE_OPEN
    assert [d.due_at_ms - NOW_MS for d in incident.deadlines] == [4 * HOUR_MS]
    (value,) = await watching.outbox(topics.SECURITY_DIRECTIVE)
    directive = security_pb2.DirectiveIssued.FromString(value)
    assert (directive.racks, directive.active) == (["r2"], True)
    assert list(incident.directive_ids) == [directive.directive_id]
    assert len(await watching.outbox(topics.SECURITY_FINDING)) == 1
    assert len(await watching.outbox(topics.SECURITY_INCIDENT)) == 1


async def test_racks_are_found_by_the_servers_a_frame_speaks_of(watching) -> None:
    await watching.tell(topics.INVENTORY_SERVER_SET, server_set())

    event = refused_frame("e1", server_set_revision=1, first_server=5, count=5)
    await watching.tell(topics.SECURITY_EVENT, event)

    (value,) = await watching.outbox(topics.SECURITY_DIRECTIVE)
    assert security_pb2.DirectiveIssued.FromString(value).racks == ["r1"]


async def test_more_racks_than_the_blast_radius_wait_for_the_soc(watching) -> None:
    await watching.tell(topics.INVENTORY_SERVER_SET, server_set())
    await watching.tell(topics.SECURITY_EVENT, refused_frame("e1", racks=["r1", "r2"]))

    (incident,) = await incidents(watching)
    assert list(incident.proposed_racks) == ["r1", "r2"]
    assert await watching.outbox(topics.SECURITY_DIRECTIVE) == []

    stub = await watching.stub(SOC)
    request = pb.IssueDirectiveRequest(
        idempotency_key="q1",
        site_id="lanzhou",
        racks=["r1", "r2"],
        reason="seen on site",
        incident_id=incident.incident_id,
    )
    first = await stub.IssueDirective(request, timeout=TIMEOUT_S)
    again = await stub.IssueDirective(request, timeout=TIMEOUT_S)
    assert first == again
    assert len(await watching.outbox(topics.SECURITY_DIRECTIVE)) == 1
    (incident,) = await incidents(watching)
    assert list(incident.proposed_racks) == []
    assert list(incident.directive_ids) == [first.directive.directive_id]


async def test_machines_together_never_pass_the_blast_radius(watching) -> None:
    await watching.tell(topics.INVENTORY_SERVER_SET, server_set())
    await watching.tell(topics.SECURITY_EVENT, refused_frame("e1", racks=["r1"]))
    await watching.tell(topics.SECURITY_EVENT, refused_frame("e2", "REPLAYED", racks=["r2"]))

    assert len(await watching.outbox(topics.SECURITY_DIRECTIVE)) == 1
    replayed = next(i for i in await incidents(watching) if i.rule_id == "frame-replayed")
    assert list(replayed.proposed_racks) == ["r2"]


async def test_stranger_cannot_draw_in_racks_of_another_site(watching) -> None:
    await watching.tell(topics.INVENTORY_SERVER_SET, server_set())
    event = refused_frame("e1", "WRONG_SITE", racks=["r1"])
    event["unmapped"]["hexi"]["principal"] = "spiffe://hexi/site/jinchang/agent/1"

    await watching.tell(topics.SECURITY_EVENT, event)

    (incident,) = await incidents(watching)
    assert list(incident.proposed_racks) == []
    assert await watching.outbox(topics.SECURITY_DIRECTIVE) == []


async def test_further_findings_join_the_incident_of_the_window(watching) -> None:
    events = [refused_frame(f"e{i}", at_ms=NOW_MS + i * 1_000) for i in range(3)]
    await watching.tell(topics.SECURITY_EVENT, *events)
    later = refused_frame("late", at_ms=NOW_MS + 2 * HOUR_MS)
    await watching.tell(topics.SECURITY_EVENT, later)

    found = await incidents(watching)
    assert sorted(len(incident.finding_ids) for incident in found) == [1, 3]


async def test_event_heard_twice_adds_nothing_but_its_count(watching) -> None:
    await watching.tell(topics.SECURITY_EVENT, refused_frame("e1"))
    await watching.tell(topics.SECURITY_EVENT, refused_frame("e1"))

    (incident,) = await incidents(watching)
    assert len(incident.finding_ids) == 1
    assert await watching.account() == {"security.event.v1": (2, 0, 0, 0)}


async def test_record_read_again_after_a_commit_counts_once(watching) -> None:
    records = [watching.record(topics.SECURITY_EVENT, refused_frame("e1"))]
    await watching.handle(records)
    more = [*records, watching.record(topics.SECURITY_EVENT, refused_frame("e2"))]
    await watching.handle(more)

    assert await watching.account() == {"security.event.v1": (2, 0, 0, 0)}


async def test_five_refused_identities_of_one_source_in_a_minute(watching) -> None:
    four = [refused_identity(f"e{i}", at_ms=NOW_MS + i * 1_000) for i in range(4)]
    other = refused_identity("o1", source="10.0.0.7")
    await watching.tell(topics.SECURITY_EVENT, *four, other)
    assert await incidents(watching) == []

    # The first is a minute old when the fifth comes, the sixth completes five.
    await watching.tell(topics.SECURITY_EVENT, refused_identity("e5", at_ms=NOW_MS + 60_000))
    assert await incidents(watching) == []
    await watching.tell(topics.SECURITY_EVENT, refused_identity("e6", at_ms=NOW_MS + 60_500))
    (incident,) = await incidents(watching)
    assert incident.rule_id == "identity-refused"
    (value,) = await watching.outbox(topics.SECURITY_FINDING)
    assert len(json.loads(value)["finding_info"]["related_events"]) == 5


async def test_rack_silent_while_its_site_reports(watching) -> None:
    await watching.tell(topics.INVENTORY_SERVER_SET, server_set())
    await watching.tell(topics.INVENTORY_SITE, site())
    quiet = frozenset({3})
    await watching.tell(topics.TELEMETRY_FRAME, frame(NOW_MS))
    for i in range(1, 7):
        await watching.tell(topics.TELEMETRY_FRAME, frame(NOW_MS + i * PERIOD_MS, quiet))
    assert await incidents(watching) == []

    await watching.tell(topics.TELEMETRY_FRAME, frame(NOW_MS + 7 * PERIOD_MS, quiet))
    await watching.tell(topics.TELEMETRY_FRAME, frame(NOW_MS + 8 * PERIOD_MS, quiet))

    (incident,) = await incidents(watching)
    assert incident.rule_id == "rack-silent"
    assert len(incident.finding_ids) == 1
    assert await watching.outbox(topics.SECURITY_DIRECTIVE) == []
    account = await watching.account()
    assert account["telemetry.frame.v1"] == (1, 8, 0, 0)


async def test_site_that_is_not_admitted_is_not_watched(watching) -> None:
    await watching.tell(topics.INVENTORY_SERVER_SET, server_set())
    await watching.tell(topics.TELEMETRY_FRAME, frame(NOW_MS))
    late = frame(NOW_MS + 9 * PERIOD_MS, frozenset({1}))
    await watching.tell(topics.TELEMETRY_FRAME, late)
    assert await incidents(watching) == []


async def test_garbage_is_refused_counted_and_the_rest_goes_on(watching) -> None:
    wrong = refused_frame("e1")
    wrong["type_uid"] = 7
    refused = await watching.tell(
        topics.SECURITY_EVENT, b"\xff\xfe", refused_frame("e2"), None, wrong, b"[]", {"time": "x"}
    )
    assert len(refused) == 5
    assert await watching.account() == {"security.event.v1": (1, 0, 5, 0)}

    accounting = await (await watching.stub(SOC)).GetAccounting(
        pb.GetAccountingRequest(), timeout=TIMEOUT_S
    )
    assert (accounting.events_in, accounting.matched, accounting.refused) == (6, 1, 5)


async def test_incident_goes_to_its_end_one_state_at_a_time(watching) -> None:
    await watching.tell(topics.SECURITY_EVENT, refused_frame("e1"))
    (incident,) = await incidents(watching)
    stub = await watching.stub(SOC)

    async def advance(key: str, state: int, note: str = "") -> security_pb2.Incident:
        request = pb.AdvanceIncidentRequest(
            idempotency_key=key, incident_id=incident.incident_id, state=state, note=note
        )
        return (await stub.AdvanceIncident(request, timeout=TIMEOUT_S)).incident

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advance("a0", security_pb2.INCIDENT_STATE_CONTAINED)
    assert isinstance(from_rpc_error(caught.value), errors.FailedPrecondition)

    watching.clock.advance(5 * HOUR_MS)
    (late,) = await incidents(watching)
    assert [deadline.overdue for deadline in late.deadlines] == [True]

    await advance("a1", security_pb2.INCIDENT_STATE_ACKNOWLEDGED)
    again = await advance("a1", security_pb2.INCIDENT_STATE_ACKNOWLEDGED)
    assert again.acknowledged_by == SOC.uri
    await advance("a2", security_pb2.INCIDENT_STATE_CONTAINED)
    closed = await advance("a3", security_pb2.INCIDENT_STATE_CLOSED, "sensor key replaced")

    assert (closed.closed_by, closed.note) == (SOC.uri, "sensor key replaced")
    assert closed.closed_at_ms == watching.clock.now_ms()
    assert not any(deadline.overdue for deadline in closed.deadlines)
    assert await incidents(watching, open_only=True) == []
    told = [json.loads(v)["activity_id"] for v in await watching.outbox(topics.SECURITY_INCIDENT)]
    assert told == [1, 2, 2, 3]


async def test_quarantine_is_lifted_once(watching) -> None:
    await watching.tell(topics.INVENTORY_SERVER_SET, server_set())
    await watching.tell(topics.SECURITY_EVENT, refused_frame("e1", racks=["r2"]))
    ((directive_id,),) = [i.directive_ids for i in await incidents(watching)]
    stub = await watching.stub(SOC)

    def request(key: str) -> pb.IssueDirectiveRequest:
        return pb.IssueDirectiveRequest(
            idempotency_key=key, lift_directive_id=directive_id, reason="cleared"
        )

    lifted = (await stub.IssueDirective(request("l1"), timeout=TIMEOUT_S)).directive
    assert (lifted.directive_id, lifted.active) == (directive_id, False)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.IssueDirective(request("l2"), timeout=TIMEOUT_S)
    assert isinstance(from_rpc_error(caught.value), errors.FailedPrecondition)


async def test_tenants_read_nothing_and_operators_do_not_act(watching) -> None:
    for caller in (TENANT, AGENT):
        stub = await watching.stub(caller)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListIncidents(pb.ListIncidentsRequest(), timeout=TIMEOUT_S)
        assert isinstance(from_rpc_error(caught.value), errors.PermissionDenied)
    stub = await watching.stub(OPERATOR)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.IssueDirective(pb.IssueDirectiveRequest(), timeout=TIMEOUT_S)
    assert isinstance(from_rpc_error(caught.value), errors.PermissionDenied)


async def test_no_message_is_answered_with_a_bug(watching) -> None:
    await watching.tell(topics.INVENTORY_SERVER_SET, server_set())
    await watching.tell(topics.SECURITY_EVENT, refused_frame("e1", racks=["r2"]))
    (incident,) = await incidents(watching)
    hints = {
        "site_id": ["lanzhou"],
        "racks": ["r1", "r2", "r3"],
        "incident_id": [incident.incident_id],
        "page_token": [incident.incident_id, ""],
        "lift_directive_id": ["", "", incident.directive_ids[0]],
        "idempotency_key": ["a", "b", "c", "d"],
        "reason": ["seen"],
        "note": ["done"],
    }
    descriptor = pb.DESCRIPTOR.services_by_name["SecurityService"]
    await assault(await watching.harness.channel(SOC), descriptor, Attack(hints=hints))
