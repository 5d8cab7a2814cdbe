"""Goal: what cannot be meant is refused with its field and the reason; what can be, is not.

Method: one table of bad workloads, each one step from a good one; then arbitrary ones, which are
either refused with fields or can be read by the stages.
"""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi.scheduler.v1 import workload_pb2
from hexi_kit.errors import InvalidArgument
from hexi_scheduler import wire_api
from hexi_scheduler.api.plausible import check_plausible
from hexi_scheduler.domain.offer import ClassOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.route.route_policy import RoutePolicy
from hexi_scheduler.wire.workload import WorkloadReader
from hypothesis import given
from hypothesis import strategies as st

NOW_MS = 1_000_000_000
HOUR_S = 3_600
POLICY = RoutePolicy("2026-01-01", 8, 0, 0, 0, 8, 350, (("T4", 70),), domestic_classes=("Ascend",))
OFFERS = {
    name: SiteOffer(
        name,
        1,
        SiteStanding(True, region),
        (ClassOffer("general"), ClassOffer("A100"), ClassOffer("Ascend910B")),
    )
    for name, region in (("lanzhou", "gansu"), ("zhongwei", "ningxia"))
}
GOOD: dict[str, Any] = {
    "name": "job",
    "replicas": 1,
    "resources": {"cpu_milli": 1_000, "memory_mib": 512},
}


def spec(changes: dict[str, Any]) -> workload_pb2.WorkloadSpec:
    """The good one with changes; a nested dict changes nested fields."""
    merged = dict(GOOD)
    for field, value in changes.items():
        merged[field] = GOOD.get(field, {}) | value if isinstance(value, dict) else value
    return json_format.ParseDict(merged, workload_pb2.WorkloadSpec())


def check(bad: workload_pb2.WorkloadSpec) -> None:
    request = pb.SubmitWorkloadsRequest(idempotency_key="k", tenant_id="acme", workloads=[bad])
    wire_api.check_submission(request)
    check_plausible(request, OFFERS, POLICY, NOW_MS)


def asked(**fields: Any) -> dict[str, Any]:
    return {"resources": fields}


def where(**fields: Any) -> dict[str, Any]:
    return {"constraints": fields}


def run(**fields: Any) -> dict[str, Any]:
    return {"command": {"argv": ["true"], **fields}}


BAD: list[tuple[dict[str, Any], str]] = [
    # Zero.
    ({"replicas": 0}, "replicas"),
    (asked(cpu_milli=0), "resources.cpu_milli"),
    ({"inputs": [{"site_id": "lanzhou"}]}, "inputs[0].bytes"),
    # Huge.
    ({"name": "x" * 129}, "name"),
    ({"replicas": 4_097}, "replicas"),
    ({"priority": 1_001}, "priority"),
    ({"duration_s": 2**31}, "duration_s"),
    ({"duration_s_max": 2**31}, "duration_s_max"),
    ({"checkpoint_interval_s": 2**31}, "checkpoint_interval_s"),
    ({"deadline_ms": 2**60}, "deadline_ms"),
    ({"not_before_ms": 2**60}, "not_before_ms"),
    ({"price_micro_yuan_max": 2**62}, "price_micro_yuan_max"),
    ({"output_bytes": 2**61, "output_site_id": "a"}, "output_bytes"),
    ({"inputs": [{"site_id": "a", "bytes": 2**61}]}, "inputs[0].bytes"),
    ({"inputs": [{"site_id": "a", "bytes": 1}] * 65}, "inputs"),
    (asked(cpu_milli=2**31), "resources.cpu_milli"),
    (asked(memory_mib=2**40), "resources.memory_mib"),
    (asked(accelerators=65), "resources.accelerators"),
    (asked(accelerators=1, accelerator_milli=1_001), "resources.accelerator_milli"),
    (asked(accelerators=1, accelerator_models=["A100"] * 65), "resources.accelerator_models"),
    (where(site_ids=["lanzhou"] * 65), "constraints.site_ids"),
    (where(regions=["gansu"] * 65), "constraints.regions"),
    (where(security_grade_min=6), "constraints.security_grade_min"),
    (where(latency_region="east", latency_us_max=2**31), "constraints.latency_us_max"),
    (where(replicas_per_server_max=4_097), "constraints.replicas_per_server_max"),
    (where(replicas_per_rack_max=4_097), "constraints.replicas_per_rack_max"),
    (where(replicas_per_feed_max=4_097), "constraints.replicas_per_feed_max"),
    (
        where(distance_km_min=20_038, distance_from_site_id="lanzhou"),
        "constraints.distance_km_min",
    ),
    (run(argv=["x"] * 257), "command.argv"),
    (run(argv=["x" * 8_193]), "command.argv[0]"),
    (run(argv=["x" * 8_000] * 40), ""),
    (run(output_bytes_max=65_537), "command.output_bytes_max"),
    (run(environment={f"V{n}": "" for n in range(257)}), "command.environment"),
    (run(image="x" * 1_025), "command.image"),
    (run(mounts=[{"source": "a", "target": f"/{n}"} for n in range(17)]), "command.mounts"),
    # Negative.
    ({"price_micro_yuan_max": -1}, "price_micro_yuan_max"),
    ({"deadline_ms": -1}, "deadline_ms"),
    ({"not_before_ms": -1}, "not_before_ms"),
    # No name, or none that is known.
    ({"template": 99}, "template"),
    ({"lease_id": "no spaces"}, "lease_id"),
    ({"output_bytes": 1, "output_site_id": "no spaces"}, "output_site_id"),
    ({"inputs": [{"site_id": "", "bytes": 1}]}, "inputs[0].site_id"),
    (asked(accelerators=1, accelerator_models=["B999"]), "resources.accelerator_models"),
    (asked(accelerators=1, accelerator_models=[""]), "resources.accelerator_models[0]"),
    (where(site_ids=["a b"]), "constraints.site_ids[0]"),
    (where(regions=[""]), "constraints.regions[0]"),
    (where(executor="no spaces"), "constraints.executor"),
    (where(anti_affinity_group="no spaces"), "constraints.anti_affinity_group"),
    (run(argv=[""]), "command.argv[0]"),
    (run(argv=["a\0b"]), "command.argv[0]"),
    (run(environment={"1A": ""}), "command.environment"),
    (run(environment={"A": "\0"}), "command.environment[A]"),
    (run(working_directory="relative"), "command.working_directory"),
    (run(mounts=[{"source": "", "target": "/a"}]), "command.mounts[0].source"),
    (run(mounts=[{"source": "a"}]), "command.mounts[0].target"),
    (run(mounts=[{"source": "a", "target": "/a/../b"}]), "command.mounts[0].target"),
    # What excludes itself.
    (asked(accelerator_milli=500), "resources.accelerators"),
    (asked(accelerator_models=["A100"]), "resources.accelerators"),
    (asked(accelerators=2, accelerator_milli=500), "resources.accelerator_milli"),
    (where(latency_us_max=5), "constraints.latency_region"),
    (where(latency_region="east"), "constraints.latency_region"),
    (where(distance_km_min=300), "constraints.distance_from_site_id"),
    (
        where(distance_km_min=300, distance_from_site_id="lanzhou", site_ids=["lanzhou"]),
        "constraints.site_ids",
    ),
    (where(site_ids=["lanzhou"], regions=["ningxia"]), "constraints.regions"),
    (
        asked(accelerators=1, accelerator_models=["A100"]) | where(domestic_only=True),
        "resources.accelerator_models",
    ),
    ({"duration_s": 20, "duration_s_max": 10}, "duration_s"),
    ({"output_bytes": 1}, "output_site_id"),
    ({"output_site_id": "lanzhou"}, "output_site_id"),
    ({"not_before_ms": NOW_MS + 2, "deadline_ms": NOW_MS + 1}, "deadline_ms"),
    (
        {"not_before_ms": NOW_MS, "deadline_ms": NOW_MS + 1_000, "duration_s": HOUR_S},
        "deadline_ms",
    ),
    # What is over already.
    ({"deadline_ms": 1}, "deadline_ms"),
    ({"deadline_ms": NOW_MS + 1_000, "duration_s": HOUR_S}, "deadline_ms"),
    (
        run(mounts=[{"source": "a", "target": "/a"}, {"source": "b", "target": "/a"}]),
        "command.mounts[1].target",
    ),
]
FINE: list[dict[str, Any]] = [
    {},
    asked(accelerators=1, accelerator_milli=250),
    asked(accelerators=8, accelerator_milli=1_000, accelerator_models=["A100", "B999"]),
    asked(accelerators=1, accelerator_models=["Ascend910B"]) | where(domestic_only=True),
    where(site_ids=["unknown"], regions=["ningxia"]),
    where(distance_km_min=300, distance_from_site_id="lanzhou"),
    where(tenant_isolation=True, anti_affinity_group="web", replicas_per_server_max=1),
    {"deadline_ms": NOW_MS + HOUR_S * 1_000, "duration_s": HOUR_S},
    {"duration_s": 10, "duration_s_max": 10, "interruptible": True, "checkpoint_interval_s": 5},
    {"inputs": [{"site_id": "a", "bytes": 2**40}], "output_bytes": 1, "output_site_id": "a"},
    run(image="registry/app:1", mounts=[{"source": "a", "target": "/a"}], working_directory="/a"),
]


@pytest.mark.parametrize(("changes", "field"), BAD, ids=lambda part: str(part)[:60])
def test_a_bad_workload_is_refused_with_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check(spec(changes))

    expected = f"workloads[0].{field}" if field else "workloads[0]"
    assert expected in {violation.field for violation in refused.value.violations}
    assert all(violation.reason for violation in refused.value.violations)


@pytest.mark.parametrize("changes", FINE, ids=lambda part: str(part)[:60])
def test_a_good_one_passes(changes: dict[str, Any]) -> None:
    check(spec(changes))


def test_there_are_enough_of_them() -> None:
    assert len(BAD) >= 60


def test_what_no_site_has_told_of_is_not_called_unknown() -> None:
    named = spec(asked(accelerators=1, accelerator_models=["B999"]))
    request = pb.SubmitWorkloadsRequest(idempotency_key="k", tenant_id="acme", workloads=[named])

    check_plausible(request, {}, POLICY, NOW_MS)


def test_what_policy_knows_may_be_on_its_way() -> None:
    check(spec(asked(cpu_milli=1_000, accelerators=1, accelerator_models=["T4"])))


INTS = st.sampled_from([0, 1, 2, 500, 1_000, 1_001, 2**31 - 1])
NAMES = st.sampled_from(["", "lanzhou", "gansu", "A100", "no spaces", "x" * 200])


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "replicas": INTS,
            "priority": INTS,
            "duration_s": INTS,
            "duration_s_max": INTS,
            "deadline_ms": st.integers(-1, 2**62),
            "not_before_ms": st.integers(-1, 2**62),
            "lease_id": NAMES,
            "template": st.integers(0, 20),
            "resources": st.fixed_dictionaries(
                {},
                optional={
                    "cpu_milli": INTS,
                    "memory_mib": INTS,
                    "accelerators": INTS,
                    "accelerator_milli": INTS,
                    "accelerator_models": st.lists(NAMES, max_size=3),
                },
            ),
            "constraints": st.fixed_dictionaries(
                {},
                optional={
                    "site_ids": st.lists(NAMES, max_size=3),
                    "regions": st.lists(NAMES, max_size=3),
                    "distance_km_min": INTS,
                    "distance_from_site_id": NAMES,
                    "replicas_per_rack_max": INTS,
                },
            ),
        },
    )
)
def test_any_workload_is_refused_with_fields_or_can_be_read(changes: dict[str, Any]) -> None:
    made = spec(changes)
    try:
        check(made)
    except InvalidArgument as refused:
        assert refused.violations
        assert all(v.field.startswith("workloads[0]") and v.reason for v in refused.violations)
        return
    demand = WorkloadReader().demand(made)
    assert demand.replicas >= 1
    assert demand.resources.cpu_milli >= 1
    assert 0 < demand.resources.device_milli <= 1_000
