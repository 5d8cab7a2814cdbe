"""The public openb trace as the benchmarks read it, or a seeded mix like it where it is absent."""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path
from typing import NamedTuple

DATA = Path(os.environ.get("HEXI_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
WORKLOADS = (
    "default",
    "cpu050",
    "cpu100",
    "cpu250",
    "gpushare40",
    "gpushare100",
    "gpuspec10",
    "gpuspec33",
    "multigpu20",
    "multigpu50",
)
WHOLE = 1_000
SYNTHETIC_SEED = 7


class Node(NamedTuple):
    """One server; `model` is empty where it has no accelerators."""

    name: str
    cpu_milli: int
    memory_mib: int
    devices: int
    model: str


class Pod(NamedTuple):
    """One request; `milli` is of each device, 0 where it asks none."""

    cpu_milli: int
    memory_mib: int
    devices: int
    milli: int
    models: tuple[str, ...]

    @property
    def device_milli(self) -> int:
        return self.devices * self.milli


def present() -> bool:
    return (DATA / "openb" / "openb_node_list_gpu_node.csv").exists()


def nodes(which: str = "gpu") -> list[Node]:
    """By name, as the published protocol sorts them; `which` is gpu, or all."""
    if not present():
        return _synthetic_nodes(which)
    with (DATA / "openb" / f"openb_node_list_{which}_node.csv").open() as file:
        found = [
            Node(
                row["sn"],
                int(row["cpu_milli"]),
                int(row["memory_mib"]),
                int(row["gpu"]),
                row["model"],
            )
            for row in csv.DictReader(file)
        ]
    return sorted(found, key=lambda node: node.name)


def pods(workload: str = "default") -> list[Pod]:
    if not present():
        return _synthetic_pods()
    with (DATA / "openb" / f"openb_pod_list_{workload}.csv").open() as file:
        return [_pod(row) for row in csv.DictReader(file)]


def _pod(row: dict[str, str]) -> Pod:
    devices = int(row["num_gpu"])
    milli = min(WHOLE, int(row["gpu_milli"])) if devices else 0
    spec = (row.get("gpu_spec") or "") if devices else ""
    models = tuple(sorted(filter(None, spec.split("|"))))
    return Pod(int(row["cpu_milli"]), int(row["memory_mib"]), devices, milli, models)


def _synthetic_nodes(which: str) -> list[Node]:
    kinds = [(600, 96_000, 8, "G2"), (200, 96_000, 2, "T4"), (150, 64_000, 2, "P100")]
    kinds += [(250, 104_000, 8, "V100"), (300, 94_000, 0, "")]
    return [
        Node(f"n-{kind}-{n}", cpu, cpu * 4, devices, model)
        for kind, (count, cpu, devices, model) in enumerate(kinds)
        for n in range(count)
        if devices or which == "all"
    ]


def _synthetic_pods() -> list[Pod]:
    dice = random.Random(SYNTHETIC_SEED)
    shapes = [(4_000, 0, 0), (8_000, 1, 1_000), (4_000, 1, 500), (3_000, 1, 250)]
    shapes += [(16_000, 2, 1_000), (64_000, 8, 1_000), (11_000, 1, 300)]
    weights = [13, 48, 10, 10, 8, 3, 8]
    return [
        Pod(cpu, cpu * 2, devices, milli, ())
        for cpu, devices, milli in dice.choices(shapes, weights, k=8_000)
    ]
