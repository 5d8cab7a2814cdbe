"""What teams submit: a seeded mix of the six templates, and real processes."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import workload_pb2

TENANTS = ("public-service", "university", "render-farm", "model-lab")
# Template, weight, tenant, priority, (least, most) simulated minutes.
MIX = (
    (workload_pb2.TEMPLATE_PUBLIC_SERVICE, 20, "public-service", 500, (20, 90)),
    (workload_pb2.TEMPLATE_INFERENCE, 25, "model-lab", 400, (10, 60)),
    (workload_pb2.TEMPLATE_RENDER, 35, "render-farm", 100, (4, 20)),
    (workload_pb2.TEMPLATE_TRAIN, 12, "university", 200, (15, 60)),
    (workload_pb2.TEMPLATE_STORE, 4, "university", 50, (5, 30)),
    (workload_pb2.TEMPLATE_BACKUP, 4, "public-service", 50, (5, 30)),
)
MODELS = ("T4", "A100", "Ascend-910B", "Hygon-DCU")

Submission = tuple[str, workload_pb2.WorkloadSpec]


def generated(rng: random.Random) -> Iterator[Submission]:
    """An endless mix; every draw comes from `rng`."""
    weights = [row[1] for row in MIX]
    number = 0
    while True:
        template, _, tenant, priority, minutes = rng.choices(MIX, weights)[0]
        number += 1
        spec = workload_pb2.WorkloadSpec(
            name=f"{workload_pb2.Template.Name(template).removeprefix('TEMPLATE_').lower()}-{number}",
            template=template,
            replicas=rng.choice((2, 4, 8)) if template == workload_pb2.TEMPLATE_TRAIN else 1,
            priority=priority,
            duration_s=60 * rng.randint(*minutes),
            resources=_resources(rng, template),
        )
        if template == workload_pb2.TEMPLATE_PUBLIC_SERVICE:
            spec.constraints.state_owned_cloud = True
            spec.constraints.security_grade_min = 3
        elif template == workload_pb2.TEMPLATE_INFERENCE:
            spec.constraints.latency_region = "east"
            spec.constraints.latency_us_max = 20_000
        yield tenant, spec


def _resources(
    rng: random.Random, template: workload_pb2.Template.ValueType
) -> common_pb2.Resources:
    if template == workload_pb2.TEMPLATE_TRAIN:
        count, milli, models = rng.choice((1, 2, 4, 8)), 0, [rng.choice(MODELS[1:])]
    elif template == workload_pb2.TEMPLATE_INFERENCE:
        count, milli, models = 1, rng.choice((250, 500, 1_000)), []
    else:
        cpu = rng.choice((1, 2, 4, 8))
        return common_pb2.Resources(cpu_milli=cpu * 1_000, memory_mib=cpu * 4_096)
    return common_pb2.Resources(
        cpu_milli=4_000 * count,
        memory_mib=16_384 * count,
        accelerators=count,
        accelerator_milli=milli % 1_000,
        accelerator_models=models,
    )


def on_this_machine(number: int, rng: random.Random) -> Submission:
    """A real process for the executor beside the real sensors."""
    digits = rng.randint(2_000, 6_000)
    program = f"print(len(str(3 ** {digits})), 'digits')"
    return "university", workload_pb2.WorkloadSpec(
        name=f"real-{number}",
        template=workload_pb2.TEMPLATE_RENDER,
        replicas=1,
        priority=300,
        duration_s_max=600,
        resources=common_pb2.Resources(cpu_milli=100, memory_mib=64),
        constraints=workload_pb2.Constraints(executor="host"),
        command=workload_pb2.Command(
            argv=["/usr/bin/env", "python3", "-c", program], output_bytes_max=4_096
        ),
    )
