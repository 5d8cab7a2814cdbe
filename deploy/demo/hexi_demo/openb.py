"""The public openb trace: its requests as they are, its nodes as the models of a province."""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import workload_pb2

from hexi_demo.node_power import node_power
from hexi_demo.requests import TENANTS, Submission

PODS, NODES = "openb_pod_list_default.csv", "openb_node_list_all_node.csv"
HEADROOM_PERCENT = 150


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    """One file of the trace.

    Raises:
        SystemExit: the folder lacks it.
    """
    path = folder / name
    if not path.is_file():
        raise SystemExit(f"TRACE: expected {name} in {folder}, was not there")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def submissions(folder: Path, rng: random.Random) -> Iterator[Submission]:
    """The pods in shuffled order, over and over, each with the models it would take."""
    pods = rows(folder, PODS)
    rng.shuffle(pods)
    for pod in cycle(pods):
        count, milli = int(pod["num_gpu"]), int(pod["gpu_milli"])
        spec = workload_pb2.WorkloadSpec(
            name=pod["name"],
            template=workload_pb2.TEMPLATE_INFERENCE if count else workload_pb2.TEMPLATE_RENDER,
            replicas=1,
            priority=100,
            duration_s=60 * rng.randint(4, 40),
            resources=common_pb2.Resources(
                cpu_milli=max(1, int(pod["cpu_milli"])),
                memory_mib=int(pod["memory_mib"]),
                accelerators=count,
                accelerator_milli=milli % 1_000 if count == 1 else 0,
                accelerator_models=[m for m in pod["gpu_spec"].split("|") if m] if count else [],
            ),
        )
        yield rng.choice(TENANTS), spec


def models(folder: Path) -> list[dict[str, int | str]]:
    """Every distinct node of the trace as a server model, weighed by how often it stands there."""
    shapes = Counter(
        (int(n["cpu_milli"]), int(n["memory_mib"]), n["model"] or "", int(n["gpu"]))
        for n in rows(folder, NODES)
    )
    return [_model(number, *shape, share) for number, (shape, share) in enumerate(shapes.items())]


def _model(
    number: int, cpu_milli: int, memory_mib: int, accelerator: str, count: int, share: int
) -> dict[str, int | str]:
    power = node_power(cpu_milli, accelerator, count)
    most_w = power.idle_w + power.cpu_w + count * power.accelerator_w
    return {
        "name": f"openb-{number}",
        "share": share,
        "cpu_milli": cpu_milli,
        "memory_mib": memory_mib,
        "accelerator": accelerator if count else "",
        "accelerators": count,
        "idle_w": power.idle_w,
        "cpu_dynamic_w": power.cpu_w,
        "accelerator_dynamic_w": power.accelerator_w,
        "power_limit_w": most_w * HEADROOM_PERCENT // 100,
    }
