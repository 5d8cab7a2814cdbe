"""Goal: a site is registered, judged, admitted and read back at any time, by the real service."""

from __future__ import annotations

import grpc
import pytest
from hexi.inventory.v1 import inventory_pb2, inventory_service_pb2
from hexi.inventory.v1 import inventory_service_pb2 as pb
from hexi_kit import errors
from hexi_kit.identity import Principal
from hexi_kit.rpc.status import from_rpc_error
from hexi_kit.testing.fuzz import Attack, assault

pytestmark = pytest.mark.integration

OPERATOR = Principal("operator", "duty")
SUPERVISOR = Principal("supervisor", "desk")
AGENT = Principal("agent", "1", "lanzhou")
TENANT = Principal("tenant", "main", "hospital")
TIMEOUT_S = 10
ADMITTED = inventory_pb2.ADMISSION_STATE_ADMITTED


def a_site(**changes: object) -> inventory_pb2.Site:
    facts: dict[str, object] = {
        "site_id": "lanzhou",
        "name_zh": "兰州",
        "name_en": "Lanzhou",
        "hub": "gansu",
        "cluster": "lanzhou",
        "region": "gansu",
        "operator": "operator-lanzhou",
        "contact": inventory_pb2.Contact(name="duty desk", email="duty@a.example", phone="+86-1"),
        "standard_racks": 4_000,
        "racks_in_use": 3_000,
        "design_power_w": 10_000_000,
        "rack_power_w": 10_000,
        "pue_milli": 1_240,
        "green_grade": "5A",
        "security_grade": 3,
        "carbon_g_per_kwh": 300,
        "commissioned_on": "2025-03-01",
        "agent_fingerprints": ["ab" * 32],
        "prices": [inventory_pb2.Price(class_id="general", price_micro_yuan=15_000)],
    }
    return inventory_pb2.Site(**(facts | changes))


def a_server_set(**changes: object) -> inventory_pb2.ServerSet:
    columns: dict[str, object] = {
        "site_id": "lanzhou",
        "racks": ["r1", "r2"],
        "rack_index": [0, 0, 1],
        "models": ["kunpeng-920"],
        "model_index": [0, 0, 0],
        "cpu_milli": [64_000] * 3,
        "memory_mib": [262_144] * 3,
        "accelerator_models": ["Ascend-910B"],
        "accelerator_index": [1, 1, 0],
        "accelerators": [8, 8, 0],
        "power_limit_w": [6_000, 6_000, 800],
    }
    return inventory_pb2.ServerSet(**(columns | changes))


async def register(served, key: str = "k1", **changes: object) -> inventory_pb2.SiteRecorded:
    stub = await served.stub(OPERATOR)
    request = pb.RegisterSiteRequest(idempotency_key=key, site=a_site(**changes))
    return (await stub.RegisterSite(request, timeout=TIMEOUT_S)).recorded


async def conform(served, key: str = "c1") -> inventory_pb2.AdmissionChanged:
    stub = await served.stub(OPERATOR)
    request = pb.ConformSiteRequest(idempotency_key=key, site_id="lanzhou")
    return (await stub.ConformSite(request, timeout=TIMEOUT_S)).admission


async def decide(served, state: int = ADMITTED, key: str = "d1", caller: Principal = SUPERVISOR):
    stub = await served.stub(caller)
    request = pb.DecideAdmissionRequest(
        idempotency_key=key, site_id="lanzhou", state=state, reason="looked at"
    )
    return (await stub.DecideAdmission(request, timeout=TIMEOUT_S)).admission


async def refused(call) -> errors.HexiError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_site_goes_from_application_to_admission(served) -> None:
    recorded = await register(served)
    assert (recorded.revision, recorded.state) == (1, inventory_pb2.ADMISSION_STATE_APPLIED)
    assert recorded.site_class == inventory_pb2.SITE_CLASS_LARGE

    checked = await conform(served)
    assert checked.state == inventory_pb2.ADMISSION_STATE_CONFORMED
    assert all(finding.passed for finding in checked.findings)

    admitted = await decide(served)
    assert admitted.state == ADMITTED
    assert admitted.decided_by == SUPERVISOR.uri
    topics = [topic for topic, _ in await served.outbox()]
    assert topics == [
        "inventory.site.v1", "inventory.admission.v1",
        "inventory.site.v1", "inventory.admission.v1",
        "inventory.site.v1", "inventory.admission.v1",
    ]  # fmt: skip


async def test_site_against_a_rule_is_refused_with_rule_value_limit_and_date(served) -> None:
    await register(served, pue_milli=1_400)
    checked = await conform(served)
    assert checked.state == inventory_pb2.ADMISSION_STATE_APPLIED

    error = await refused(decide(served))

    assert isinstance(error, errors.FailedPrecondition)
    assert error.subject == "pue-new-large"
    for part in ("1.4", "1.25", "2022-09-23"):
        assert part in error.reason


async def test_same_key_gives_the_same_answer_and_other_content_is_refused(served) -> None:
    first = await register(served)
    again = await register(served)
    assert again == first

    error = await refused(register(served, pue_milli=1_200))
    assert isinstance(error, errors.AlreadyExists)


async def test_operator_and_agent_may_not_approve(served) -> None:
    await register(served)
    await conform(served)
    for caller in (OPERATOR, AGENT, TENANT):
        error = await refused(decide(served, caller=caller))
        assert isinstance(error, errors.PermissionDenied)


async def test_admitted_site_whose_facts_break_a_rule_is_suspended(served) -> None:
    await register(served)
    await conform(served)
    await decide(served)

    worse = await register(served, key="k2", pue_milli=1_300)

    assert worse.state == inventory_pb2.ADMISSION_STATE_SUSPENDED
    error = await refused(decide(served, key="d2"))
    assert isinstance(error, errors.FailedPrecondition)
    await register(served, key="k3", pue_milli=1_240)
    assert (await decide(served, key="d3")).state == ADMITTED


async def test_agent_publishes_its_own_site_only(served) -> None:
    await register(served)
    stub = await served.stub(AGENT)
    request = pb.PublishServerSetRequest(idempotency_key="p1", server_set=a_server_set())
    answer = await stub.PublishServerSet(request, timeout=TIMEOUT_S)
    assert (answer.revision, answer.servers, answer.added) == (1, 3, 3)

    other = pb.PublishServerSetRequest(
        idempotency_key="p2", server_set=a_server_set(site_id="jinchang")
    )
    error = await refused(stub.PublishServerSet(other, timeout=TIMEOUT_S))
    assert isinstance(error, errors.PermissionDenied)


async def test_server_set_revisions_are_counted_and_read_back(served) -> None:
    await register(served)
    stub = await served.stub(OPERATOR)

    async def publish(
        key: str, **changes: object
    ) -> inventory_service_pb2.PublishServerSetResponse:
        request = pb.PublishServerSetRequest(
            idempotency_key=key, server_set=a_server_set(**changes)
        )
        return await stub.PublishServerSet(request, timeout=TIMEOUT_S)

    await publish("p1")
    same = await publish("p2")
    changed = await publish("p3", power_limit_w=[5_000, 6_000, 800])

    assert (same.revision, changed.revision) == (1, 2)
    assert (changed.added, changed.removed, changed.changed) == (0, 0, 1)
    for revision, watts in ((1, 6_000), (2, 5_000), (0, 5_000)):
        request = pb.GetServerSetRequest(site_id="lanzhou", revision=revision)
        found = (await stub.GetServerSet(request, timeout=TIMEOUT_S)).server_set
        assert found.power_limit_w[0] == watts
        assert found.revision == (revision or 2)


async def test_bad_columns_are_refused_field_by_field(served) -> None:
    await register(served)
    stub = await served.stub(OPERATOR)
    bad = a_server_set(racks=["r1", "r1"], cpu_milli=[1, 2], model_index=[0, 0, 7])
    request = pb.PublishServerSetRequest(idempotency_key="p1", server_set=bad)

    error = await refused(stub.PublishServerSet(request, timeout=TIMEOUT_S))

    assert isinstance(error, errors.InvalidArgument)
    fields = {violation.field for violation in error.violations}
    assert fields == {"server_set.racks", "server_set.cpu_milli", "server_set.model_index"}


async def test_any_past_is_read_in_valid_and_in_recorded_time(served) -> None:
    start_ms = served.clock.now_ms()
    await register(served, name_en="first")
    served.clock.advance(1_000)
    stub = await served.stub(OPERATOR)
    backdated = pb.RegisterSiteRequest(
        idempotency_key="k2", site=a_site(name_en="second"), valid_from_ms=start_ms - 500
    )
    await stub.RegisterSite(backdated, timeout=TIMEOUT_S)

    async def name(**moment: int) -> str:
        request = pb.GetSiteRequest(site_id="lanzhou", **moment)
        return (await stub.GetSite(request, timeout=TIMEOUT_S)).recorded.site.name_en

    assert await name() == "second"
    assert await name(revision=1) == "first"
    assert await name(valid_at_ms=start_ms - 100) == "second"
    assert await name(recorded_at_ms=start_ms + 500) == "first"
    missing = pb.GetSiteRequest(site_id="lanzhou", valid_at_ms=start_ms - 100)
    missing.recorded_at_ms = start_ms + 500
    error = await refused(stub.GetSite(missing, timeout=TIMEOUT_S))
    assert isinstance(error, errors.NotFound)


async def test_lists_are_paged(served) -> None:
    for site_id in ("a", "b", "c"):
        await register(served, key=site_id, site_id=site_id)
    stub = await served.stub(TENANT)
    seen, token = [], ""
    while True:
        request = pb.ListSitesRequest(page_size=2, page_token=token)
        answer = await stub.ListSites(request, timeout=TIMEOUT_S)
        seen += [recorded.site.site_id for recorded in answer.sites]
        token = answer.next_page_token
        if not token:
            break
    assert seen == ["a", "b", "c"]


@pytest.mark.parametrize("caller", [OPERATOR, SUPERVISOR, AGENT], ids=lambda one: one.kind)
async def test_no_message_is_answered_with_a_bug(served, caller: Principal) -> None:
    await register(served)
    descriptor = pb.DESCRIPTOR.services_by_name["InventoryService"]
    hints = {
        "site_id": ["lanzhou", "jinchang"],
        "idempotency_key": ["k1", "a", "b", "c"],
        "site": [a_site(), a_site(site_id="jinchang", pue_milli=1_900)],
        "server_set": [a_server_set(), a_server_set(racks=["r1", "r3"])],
        "reason": ["looked at"],
    }
    count = 1_000 if caller is OPERATOR else 300
    await assault(await served.harness.channel(caller), descriptor, Attack(count, hints=hints))
