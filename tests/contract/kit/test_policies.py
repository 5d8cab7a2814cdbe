"""Goal: each method has callers and only the right ones. Method: policies against descriptors."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import ServiceDescriptor
from hexi.inventory.v1 import inventory_service_pb2
from hexi.marketplace.v1 import marketplace_service_pb2
from hexi.scheduler.v1 import scheduler_service_pb2
from hexi.security.v1 import security_service_pb2
from hexi.settlement.v1 import settlement_service_pb2
from hexi.telemetry.v1 import measure_service_pb2, series_service_pb2, telemetry_service_pb2
from hexi_kit.errors import PermissionDenied
from hexi_kit.identity import Principal
from hexi_kit.identity.authorize import POLICIES_DIR, Authorizer

FILES = [
    inventory_service_pb2, telemetry_service_pb2, measure_service_pb2, series_service_pb2,
    scheduler_service_pb2, marketplace_service_pb2, settlement_service_pb2, security_service_pb2,
]  # fmt: skip
CALLERS = [
    *(Principal("service", name) for name in ("marketplace", "scheduler", "telemetry")),
    Principal("agent", "1", "lanzhou"),
    Principal("tenant", "1", "t1"),
    Principal("trader", "1", "a1"),
    Principal("soc", "1"),
    Principal("operator", "1"),
    Principal("supervisor", "1"),
]
READS = ("Get", "List", "Explain", "Query", "Stream", "Watch")


def methods() -> Iterator[tuple[str, str]]:
    for file in FILES:
        services: dict[str, ServiceDescriptor] = file.DESCRIPTOR.services_by_name
        for service in services.values():
            for method in service.methods:
                yield service.full_name, method.name


def callers_of(service: str, method: str) -> set[str]:
    authorizer = Authorizer()
    return {
        caller.name if caller.kind == "service" else caller.kind
        for caller in CALLERS
        if authorizer.answer(caller, service, method).allowed
    }


@pytest.mark.parametrize(("service", "method"), list(methods()))
def test_every_method_has_a_caller(service: str, method: str) -> None:
    assert callers_of(service, method)


def test_policies_name_only_methods_that_exist() -> None:
    text = "\n".join(file.read_text() for file in POLICIES_DIR.glob("*.cedar"))
    named = {part.split('"')[0] for part in text.split('Action::"')[1:]}
    known = {f"{service}/{method}" for service, method in methods()}
    assert {name for name in named if not name.startswith("grpc.health")} == known


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("hexi.inventory.v1.InventoryService/DecideAdmission", {"supervisor"}),
        ("hexi.inventory.v1.InventoryService/PublishServerSet", {"operator", "agent"}),
        ("hexi.telemetry.v1.TelemetryService/PushFrames", {"agent"}),
        ("hexi.scheduler.v1.SchedulerService/SubmitWorkloads", {"tenant"}),
        ("hexi.scheduler.v1.SchedulerService/ReportRuns", {"agent"}),
        ("hexi.scheduler.v1.SchedulerService/DrainSite", {"operator"}),
        ("hexi.scheduler.v1.SchedulerService/DeclareSiteLost", {"operator"}),
        ("hexi.marketplace.v1.MarketplaceService/PlaceOrder", {"trader"}),
        ("hexi.settlement.v1.SettlementService/PlaceHold", {"marketplace"}),
        ("hexi.settlement.v1.SettlementService/Deposit", {"operator"}),
        ("hexi.security.v1.SecurityService/IssueDirective", {"soc"}),
    ],
)
def test_who_may_change_what(method: str, expected: set[str]) -> None:
    service, _, name = method.partition("/")
    assert callers_of(service, name) == expected


def test_who_approves_operates_nothing() -> None:
    writes = [m for m in methods() if not m[1].startswith(READS)]
    approving = [m for m in writes if "supervisor" in callers_of(*m)]
    assert approving == [("hexi.inventory.v1.InventoryService", "DecideAdmission")]
    assert all("operator" not in callers_of(*method) for method in approving)


def test_a_denial_names_the_policy() -> None:
    authorizer = Authorizer()
    with pytest.raises(PermissionDenied) as forbidden:
        authorizer.check(
            Principal("supervisor", "1"), "hexi.inventory.v1.InventoryService", "RegisterSite"
        )
    assert forbidden.value.policy == "supervisor-never-operates"

    with pytest.raises(PermissionDenied) as unnamed:
        authorizer.check(Principal("soc", "1"), "hexi.unknown.v1.Service", "Anything")
    assert unnamed.value.policy == "no-policy-permits"


def test_a_forbid_wins_over_any_permit(tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text(
        '@id("all") permit (principal, action, resource);\n'
        '@id("not-soc") forbid (principal in Kind::"soc", action, resource);'
    )
    authorizer = Authorizer(tmp_path)
    assert authorizer.answer(Principal("operator", "1"), "s", "m").policy == "all"
    assert authorizer.answer(Principal("soc", "1"), "s", "m").policy == "not-soc"


@pytest.mark.parametrize("text", ["permit", "permit (principal, action);"])
def test_unreadable_policies_stop_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.cedar").write_text(text)
    with pytest.raises(ValueError):
        Authorizer(tmp_path)


def test_no_policies_at_all_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Authorizer(tmp_path)
