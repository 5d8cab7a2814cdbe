"""Sites of a simulation file as the inventory would record them, and the watts of their servers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hexi.inventory.v1 import inventory_pb2
from hexi_demo.node_power import node_power
from hexi_demo.province import PRICES
from numpy.typing import NDArray

from hexi_sim.simulate.files import rows
from hexi_sim.simulate.spec import Kind, Site

PRICE_OTHER = 1_000_000  # micro-yuan a unit and slot
HOURS = 24
Column = NDArray[np.int64]


class Fleet(NamedTuple):
    """One site's servers, as a message and as the numbers a measurement needs."""

    spec: Site
    server_set: inventory_pb2.ServerSet
    classes: Sequence[str]  # of each server
    idle_w: Column
    cpu_w: Column
    accelerator_w: Column


def fleet_of(spec: Site, seed: int, beside: Path) -> Fleet:
    kinds = _nodes(spec, beside) if spec.nodes_csv else _drawn(spec, seed)
    models = sorted({kind.accelerator for kind in kinds if kind.accelerators})
    index_of = {name: index for index, name in enumerate(models, 1)}
    count = len(kinds)
    racks = -(-count // spec.servers_per_rack)
    server_set = inventory_pb2.ServerSet(
        site_id=spec.site,
        revision=1,
        racks=[f"r{number}" for number in range(racks)],
        rack_index=[number // spec.servers_per_rack for number in range(count)],
        cpu_milli=[kind.cpu_milli for kind in kinds],
        memory_mib=[kind.memory_mib for kind in kinds],
        accelerator_models=models,
        accelerator_index=[index_of.get(kind.accelerator, 0) for kind in kinds],
        accelerators=[kind.accelerators for kind in kinds],
    )
    return Fleet(
        spec,
        server_set,
        [kind.accelerator or "general" for kind in kinds],
        np.array([kind.idle_w for kind in kinds], dtype=np.int64),
        np.array([kind.cpu_w for kind in kinds], dtype=np.int64),
        np.array([kind.accelerator_w for kind in kinds], dtype=np.int64),
    )


def recorded(
    fleet: Fleet, hour: int, carbon: Sequence[int], windows: Sequence[inventory_pb2.Maintenance]
) -> inventory_pb2.Site:
    """The site as of an hour of the run; the carbon of the hours to come is yesterday's."""
    spec = fleet.spec
    percent = spec.price_percent
    if spec.price_percent_by_hour:
        percent = spec.price_percent_by_hour[hour % len(spec.price_percent_by_hour)]
    day = [carbon[(hour - back) % len(carbon)] for back in range(HOURS)]
    return inventory_pb2.Site(
        site_id=spec.site,
        region=spec.region,
        pue_milli=spec.pue_milli,
        security_grade=spec.security_grade,
        state_owned_cloud=spec.state_owned_cloud,
        carbon_g_per_kwh=day[0],
        carbon_g_per_kwh_by_hour=[day[(hour - of) % HOURS] for of in range(HOURS)],
        prices=[
            inventory_pb2.Price(
                class_id=name, price_micro_yuan=PRICES.get(name, PRICE_OTHER) * percent // 100
            )
            for name in sorted(set(fleet.classes))
        ],
        latencies=[
            inventory_pb2.Latency(region=region, one_way_us=us)
            for region, us in sorted(spec.latency_us.items())
        ],
        maintenance=windows,
    )


def carbon_series(spec: Site, beside: Path) -> tuple[int, ...]:
    """Grams a kWh, one an hour of the day and of the days after, repeated when it ends."""
    if spec.carbon_csv:
        column = "Carbon Intensity gCO₂eq/kWh (direct)"
        return tuple(round(float(row[column])) for row in rows(spec.carbon_csv, beside))
    said = spec.carbon_g_per_kwh
    return (said,) if isinstance(said, int) else said


def _drawn(spec: Site, seed: int) -> list[Kind]:
    """Whole racks of one kind, drawn by share."""
    dice = random.Random(f"{seed}/{spec.site}")
    weights = [kind.share for kind in spec.kinds]
    kinds: list[Kind] = []
    while len(kinds) < spec.servers:
        kinds += dice.choices(spec.kinds, weights) * spec.servers_per_rack
    return kinds[: spec.servers]


def _nodes(spec: Site, beside: Path) -> list[Kind]:
    nodes = list(rows(spec.nodes_csv, beside))[spec.nodes_from :: spec.nodes_step]
    return [_node(row) for row in nodes]


def _node(row: dict[str, str]) -> Kind:
    cpu_milli, count, model = int(row["cpu_milli"]), int(row["gpu"]), row["model"]
    power = node_power(cpu_milli, model, count)
    return Kind(
        name=row["sn"],
        cpu_milli=cpu_milli,
        memory_mib=int(row["memory_mib"]),
        accelerator=model if count else "",
        accelerators=count,
        idle_w=power.idle_w,
        cpu_w=power.cpu_w,
        accelerator_w=power.accelerator_w,
    )
