"""Checks what teams and executors send, field by field, before anything is published."""

from __future__ import annotations

from collections.abc import Sequence

from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import place_pb2, scheduler_service_pb2, workload_pb2
from hexi_kit.rpc.validate import Violations

from hexi_scheduler.domain.workload import is_quantum

WORKLOADS_MAX = 10_000
REPORTS_MAX = 10_000
REPLICAS_MAX = 4_096
CPU_MILLI_MAX = 2_000_000
MEMORY_MIB_MAX = 64 * 2**20
ACCELERATORS_MAX = 64
PRIORITY_MAX = 1_000
DURATION_S_MAX = 366 * 86_400
ARGV_MAX = 256
ARGUMENT_MAX = 8_192
OUTPUT_BYTES_MAX = 65_536
LIST_MAX = 64
LATENCY_US_MAX = 10_000_000
PRICE_MAX = 10**15
BYTES_MAX = 2**60
SPEC_BYTES_MAX = 256 * 1_024
EARTH_KM = 20_037
MOUNTS_MAX = 16
PATH_MAX = 1_024
WHOLE_MILLI = 1_000
TEMPLATES = frozenset(workload_pb2.Template.values())
RUN_STATES = frozenset(place_pb2.RunState.values()) - {place_pb2.RUN_STATE_UNSPECIFIED}
CLOCK_MS_MAX = 2**53


def check_submission(request: scheduler_service_pb2.SubmitWorkloadsRequest) -> None:
    """Refuse a batch with every violation of its first bad specs.

    Raises:
        InvalidArgument: naming each field and its reason; nothing of the batch counts.
    """
    found = Violations()
    found.identifier("tenant_id", request.tenant_id)
    found.identifier("idempotency_key", request.idempotency_key)
    found.bounded("workloads", len(request.workloads), 1, WORKLOADS_MAX)
    seen: set[bytes] = set()
    for index, spec in enumerate(request.workloads[:WORKLOADS_MAX]):
        # Batches repeat a few shapes: each distinct one is checked once.
        name, spec.name = spec.name, ""
        shape = spec.SerializeToString(deterministic=True)
        spec.name = name
        found.text(f"workloads[{index}].name", name, 128, 0)
        if shape not in seen:
            seen.add(shape)
            _check_spec(found, f"workloads[{index}]", spec)
    found.raise_if_any()


def _check_spec(found: Violations, at: str, spec: workload_pb2.WorkloadSpec) -> None:
    found.require(spec.template in TEMPLATES, f"{at}.template", "unknown template")
    found.bounded(f"{at}.replicas", spec.replicas, 1, REPLICAS_MAX)
    found.bounded(f"{at}.priority", spec.priority, 0, PRIORITY_MAX)
    found.bounded(f"{at}.duration_s_max", spec.duration_s_max, 0, DURATION_S_MAX)
    found.bounded(f"{at}.duration_s", spec.duration_s, 0, DURATION_S_MAX)
    found.bounded(f"{at}.price_micro_yuan_max", spec.price_micro_yuan_max, 0, PRICE_MAX)
    if spec.lease_id:
        found.identifier(f"{at}.lease_id", spec.lease_id)
    found.require(spec.ByteSize() <= SPEC_BYTES_MAX, at, f"expected at most {SPEC_BYTES_MAX} bytes")
    _check_times(found, at, spec)
    _check_data(found, at, spec)
    _check_resources(found, f"{at}.resources", spec.resources)
    _check_constraints(found, f"{at}.constraints", spec.constraints)
    _check_command(found, f"{at}.command", spec.command)


def _check_times(found: Violations, at: str, spec: workload_pb2.WorkloadSpec) -> None:
    found.bounded(f"{at}.deadline_ms", spec.deadline_ms, 0, CLOCK_MS_MAX)
    found.bounded(f"{at}.not_before_ms", spec.not_before_ms, 0, CLOCK_MS_MAX)
    found.bounded(f"{at}.checkpoint_interval_s", spec.checkpoint_interval_s, 0, DURATION_S_MAX)
    found.require(
        not spec.duration_s_max or spec.duration_s <= spec.duration_s_max,
        f"{at}.duration_s",
        "expected no more than duration_s_max, after which it is ended",
    )
    found.require(
        not spec.deadline_ms or spec.not_before_ms + spec.duration_s * 1_000 <= spec.deadline_ms,
        f"{at}.deadline_ms",
        "expected room for the run between not_before_ms and deadline_ms",
    )


def _check_data(found: Violations, at: str, spec: workload_pb2.WorkloadSpec) -> None:
    found.bounded(f"{at}.inputs", len(spec.inputs), 0, LIST_MAX)
    for index, lying in enumerate(spec.inputs[:LIST_MAX]):
        found.identifier(f"{at}.inputs[{index}].site_id", lying.site_id)
        found.bounded(f"{at}.inputs[{index}].bytes", lying.bytes, 1, BYTES_MAX)
    found.bounded(f"{at}.output_bytes", spec.output_bytes, 0, BYTES_MAX)
    if spec.output_site_id:
        found.identifier(f"{at}.output_site_id", spec.output_site_id)
    found.require(
        bool(spec.output_bytes) == bool(spec.output_site_id),
        f"{at}.output_site_id",
        "bytes to be moved have a site to go to, and the other way round",
    )


def _check_resources(found: Violations, at: str, asked: common_pb2.Resources) -> None:
    found.bounded(f"{at}.cpu_milli", asked.cpu_milli, 1, CPU_MILLI_MAX)
    found.bounded(f"{at}.memory_mib", asked.memory_mib, 0, MEMORY_MIB_MAX)
    found.bounded(f"{at}.accelerators", asked.accelerators, 0, ACCELERATORS_MAX)
    found.bounded(f"{at}.accelerator_milli", asked.accelerator_milli, 0, 1_000)
    wants = asked.accelerator_milli or asked.accelerator_models
    found.require(
        bool(asked.accelerators) or not wants,
        f"{at}.accelerators",
        "expected at least 1 where a share or a model of accelerators is asked",
    )
    found.require(
        asked.accelerators <= 1 or asked.accelerator_milli in (0, WHOLE_MILLI),
        f"{at}.accelerator_milli",
        "expected a share of one accelerator, or several whole ones",
    )
    _check_names(found, f"{at}.accelerator_models", asked.accelerator_models)
    quantum = [is_quantum(model) for model in asked.accelerator_models]
    found.require(
        all(quantum) or not any(quantum),
        f"{at}.accelerator_models",
        "expected quantum devices alone, or none",
    )
    found.require(
        not any(quantum) or asked.accelerator_milli in (0, WHOLE_MILLI),
        f"{at}.accelerator_milli",
        "a quantum device is never shared",
    )


def _check_constraints(found: Violations, at: str, asked: workload_pb2.Constraints) -> None:
    _check_names(found, f"{at}.site_ids", asked.site_ids)
    _check_names(found, f"{at}.regions", asked.regions)
    found.bounded(f"{at}.security_grade_min", asked.security_grade_min, 0, 5)
    found.bounded(f"{at}.latency_us_max", asked.latency_us_max, 0, LATENCY_US_MAX)
    found.require(
        bool(asked.latency_region) == bool(asked.latency_us_max),
        f"{at}.latency_region",
        "a latency objective names both a region and a bound",
    )
    for field in ("latency_region", "executor", "anti_affinity_group", "distance_from_site_id"):
        value = getattr(asked, field)
        if value:
            found.identifier(f"{at}.{field}", value)
    for field in ("replicas_per_server_max", "replicas_per_rack_max", "replicas_per_feed_max"):
        found.bounded(f"{at}.{field}", getattr(asked, field), 0, REPLICAS_MAX)
    _check_distance(found, at, asked)


def _check_distance(found: Violations, at: str, asked: workload_pb2.Constraints) -> None:
    found.bounded(f"{at}.distance_km_min", asked.distance_km_min, 0, EARTH_KM)
    if not asked.distance_km_min:
        return
    found.require(
        bool(asked.distance_from_site_id),
        f"{at}.distance_from_site_id",
        "a distance names the site that keeps the first copy",
    )
    found.require(
        set(asked.site_ids) != {asked.distance_from_site_id},
        f"{at}.site_ids",
        "expected another site than the one it must be far from",
    )


def _check_names(found: Violations, at: str, names: Sequence[str]) -> None:
    found.bounded(at, len(names), 0, LIST_MAX)
    for index, value in enumerate(names[:LIST_MAX]):
        found.identifier(f"{at}[{index}]", value)


def _check_command(found: Violations, at: str, asked: workload_pb2.Command) -> None:
    found.bounded(f"{at}.argv", len(asked.argv), 0, ARGV_MAX)
    found.bounded(f"{at}.environment", len(asked.environment), 0, ARGV_MAX)
    found.bounded(f"{at}.output_bytes_max", asked.output_bytes_max, 0, OUTPUT_BYTES_MAX)
    for index, argument in enumerate(asked.argv[:ARGV_MAX]):
        _check_text(found, f"{at}.argv[{index}]", argument)
    for name, value in sorted(asked.environment.items())[:ARGV_MAX]:
        found.require(
            name.isidentifier() and name.isascii(),
            f"{at}.environment",
            f"expected a variable name, was {name[:40]!r}",
        )
        _check_text(found, f"{at}.environment[{name[:40]}]", value)
    if asked.argv:
        found.require(bool(asked.argv[0]), f"{at}.argv[0]", "expected a program")
    found.text(f"{at}.image", asked.image, PATH_MAX, 0)
    _check_path(found, f"{at}.working_directory", asked.working_directory)
    found.bounded(f"{at}.mounts", len(asked.mounts), 0, MOUNTS_MAX)
    targets: set[str] = set()
    for index, mount in enumerate(asked.mounts[:MOUNTS_MAX]):
        found.identifier(f"{at}.mounts[{index}].source", mount.source)
        target = f"{at}.mounts[{index}].target"
        found.require(bool(mount.target), target, "expected a path")
        _check_path(found, target, mount.target)
        found.require(mount.target not in targets, target, "expected each target once")
        targets.add(mount.target)


def _check_path(found: Violations, at: str, path: str) -> None:
    found.text(at, path, PATH_MAX, 0)
    plain = path.startswith("/") and "\0" not in path and ".." not in path.split("/")
    found.require(not path or plain, at, "expected an absolute path without '..'")


def _check_text(found: Violations, at: str, value: str) -> None:
    found.text(at, value, ARGUMENT_MAX, 0)
    found.require("\0" not in value, at, "expected no NUL")


def check_reports(request: scheduler_service_pb2.ReportRunsRequest) -> None:
    """Refuse run reports that no executor can mean.

    Raises:
        InvalidArgument: naming each field and its reason.
    """
    found = Violations()
    found.identifier("site_id", request.site_id)
    found.bounded("reports", len(request.reports), 1, REPORTS_MAX)
    for index, report in enumerate(request.reports[:REPORTS_MAX]):
        at = f"reports[{index}]"
        found.identifier(f"{at}.placement_id", report.placement_id)
        found.require(
            report.state in RUN_STATES,
            f"{at}.state",
            "expected started, ended or failed to start",
        )
        found.bounded(f"{at}.at_ms", report.at_ms, 1, CLOCK_MS_MAX)
        found.bounded(f"{at}.output", len(report.output), 0, OUTPUT_BYTES_MAX)
        found.text(f"{at}.reason", report.reason, 512, 0)
    found.raise_if_any()
