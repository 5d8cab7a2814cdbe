"""Who asks for what and when: synthetic shapes, openb pods, or a table of jobs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import workload_pb2

from hexi_sim.simulate.files import rows
from hexi_sim.simulate.spec import HOUR_MS, Shape, Work

WHOLE = 1_000
TABLE_MIB_PER_CPU = 2_048
NEVER_S = 0


class Arrival(NamedTuple):
    """Milliseconds since the start; `duration_s` 0 runs on for ever."""

    at_ms: int
    tenant_id: str
    spec: workload_pb2.WorkloadSpec
    duration_s: int


def arrivals(work: Work, seed: int, start_ms: int, beside: Path) -> Iterator[Arrival]:
    """At most `work.count`, in the order of their time."""
    dice = random.Random(f"{seed}/arrivals")
    tenants, weights = list(work.tenants), list(work.tenants.values())
    made = islice(_TRACES[work.trace](work, dice, beside), work.count)
    for at_ms, spec, duration_s, slack_s in made:
        if slack_s and duration_s:
            spec.deadline_ms = start_ms + at_ms + (duration_s + slack_s) * 1_000
        if duration_s:
            spec.duration_s = duration_s
        (tenant_id,) = dice.choices(tenants, weights)
        yield Arrival(at_ms, tenant_id, spec, duration_s)


_Made = Iterator[tuple[int, workload_pb2.WorkloadSpec, int, int]]


def _synthetic(work: Work, dice: random.Random, beside: Path) -> _Made:
    weights = [shape.weight for shape in work.shapes]
    at_ms = 0.0
    while True:
        at_ms += dice.expovariate(work.per_hour) * HOUR_MS
        (shape,) = dice.choices(work.shapes, weights)
        duration_s = max(1, round(dice.expovariate(1 / shape.duration_s)))
        yield int(at_ms), _spec_of(shape), duration_s, shape.slack_s


def _openb(work: Work, dice: random.Random, beside: Path) -> _Made:
    """The pods in shuffled order, over and over."""
    pods = list(rows(work.csv, beside))
    dice.shuffle(pods)
    at_ms = 0.0
    for pod in cycle(pods):
        at_ms += dice.expovariate(work.per_hour) * HOUR_MS
        count, milli = int(pod["num_gpu"]), int(pod["gpu_milli"])
        spec = workload_pb2.WorkloadSpec(
            name="pod",
            template=workload_pb2.TEMPLATE_INFERENCE if count else workload_pb2.TEMPLATE_RENDER,
            replicas=1,
            resources=common_pb2.Resources(
                cpu_milli=max(1, int(pod["cpu_milli"])),
                memory_mib=int(pod["memory_mib"]),
                accelerators=count,
                accelerator_milli=milli % WHOLE if count == 1 else 0,
                accelerator_models=_models(pod) if count else (),
            ),
        )
        mean_s = work.duration_h * HOUR_MS / 1_000
        duration_s = max(1, round(dice.expovariate(1 / mean_s))) if mean_s else NEVER_S
        yield int(at_ms), spec, duration_s, 0


def _models(pod: dict[str, str]) -> list[str]:
    return [model for model in (pod.get("gpu_spec") or "").split("|") if model]


def _table(work: Work, dice: random.Random, beside: Path) -> _Made:
    """Hours of arrival and length, and how many cpus."""
    for row in rows(work.csv, beside):
        cpus = max(1, round(float(row["cpus"])))
        spec = workload_pb2.WorkloadSpec(
            name="job",
            template=workload_pb2.TEMPLATE_RENDER,
            replicas=1,
            interruptible=bool(work.slack_h),
            resources=common_pb2.Resources(
                cpu_milli=cpus * WHOLE, memory_mib=cpus * TABLE_MIB_PER_CPU
            ),
        )
        duration_s = max(1, round(float(row["length"]) * 3_600))
        at_ms = int(float(row["arrival_time"]) * HOUR_MS / work.speed)
        yield at_ms, spec, duration_s, round(work.slack_h * 3_600)


def _spec_of(shape: Shape) -> workload_pb2.WorkloadSpec:
    template = workload_pb2.Template.Value(f"TEMPLATE_{shape.template.upper()}")
    return workload_pb2.WorkloadSpec(
        name=shape.template,
        template=template,
        replicas=shape.replicas,
        priority=shape.priority,
        interruptible=shape.interruptible,
        checkpoint_interval_s=shape.checkpoint_s,
        resources=common_pb2.Resources(
            cpu_milli=shape.cpu_milli,
            memory_mib=shape.memory_mib,
            accelerators=shape.accelerators,
            accelerator_milli=shape.accelerator_milli % WHOLE,
            accelerator_models=shape.models,
        ),
        constraints=workload_pb2.Constraints(
            latency_region=shape.latency_region, latency_us_max=shape.latency_us_max
        ),
    )


_TRACES: dict[str, Callable[[Work, random.Random, Path], _Made]] = {
    "synthetic": _synthetic,
    "openb": _openb,
    "table": _table,
}
