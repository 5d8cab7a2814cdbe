"""What a copy of the fleet needs of PLACE's journal: servers, who holds them, who is out."""

from __future__ import annotations

from typing import NamedTuple

from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2

from hexi_scheduler.domain.fleet import Declared
from hexi_scheduler.domain.leases import FOREVER_MS
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.why_start import Live
from hexi_scheduler.domain.workload import FLEET, GENERAL, WHOLE, Resources

_LIVE = (place_pb2.PLACEMENT_STATE_PLACED, place_pb2.PLACEMENT_STATE_STARTED)


class Holding(NamedTuple):
    """A placement's hold on servers; `claimed` ones are kept empty for it."""

    name: str
    live: bool
    work: Live
    end_ms: int
    claimed: tuple[int, ...]


def holding(record: place_pb2.PlacementRecord) -> Holding:
    """The newest record says it all: what it holds, or held."""
    spec = record.workload.spec
    asked = spec.resources
    parts = tuple(
        Allocation(a.server, tuple(a.devices), a.device_milli) for a in record.allocations
    )
    start_ms = record.started_at_ms or record.placed_at_ms
    length_ms = spec.duration_s_max * 1_000
    claims = record.state == place_pb2.PLACEMENT_STATE_CLAIMED
    return Holding(
        record.placement_id,
        record.state in _LIVE,
        Live(
            parts, Resources(max(1, asked.cpu_milli), asked.memory_mib, asked.accelerators, WHOLE)
        ),
        start_ms + length_ms if length_ms else FOREVER_MS,
        tuple(part.server for part in parts) if claims else (),
    )


def declared(message: inventory_pb2.ServerSet) -> Declared:
    """The columns of a server set, by class and executor."""
    models = ["", *message.accelerator_models]
    executors = [name or FLEET for name in message.executors] or [FLEET]
    count = len(message.cpu_milli)
    model_index = list(message.accelerator_index) or [0] * count
    executor_index = list(message.executor_index) or [0] * count
    numbers: dict[tuple[str, str], int] = {}
    index = [
        numbers.setdefault(
            (models[model_index[i]] if message.accelerators[i] else GENERAL, executors[e]),
            len(numbers),
        )
        for i, e in enumerate(executor_index)
    ]
    return Declared(
        list(numbers), index, message.cpu_milli, message.memory_mib, message.accelerators
    )
