"""What a copy of the fleet needs of PLACE's journal: servers, who holds them, who is out."""

from __future__ import annotations

from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2

from hexi_scheduler.domain.explain.fleet import Declared
from hexi_scheduler.domain.explain.why_start import Live
from hexi_scheduler.domain.place.leases import FOREVER_MS
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.workload import FLEET, GENERAL, Resources

_LIVE = (place_pb2.PLACEMENT_STATE_PLACED, place_pb2.PLACEMENT_STATE_STARTED)


def is_live(record: place_pb2.PlacementRecord) -> bool:
    return record.state in _LIVE


def work_of(record: place_pb2.PlacementRecord) -> Live:
    """What it holds, or held: the newest record says it all."""
    asked = record.workload.spec.resources
    return Live(
        tuple(Allocation(a.server, tuple(a.devices), a.device_milli) for a in record.allocations),
        Resources(max(1, asked.cpu_milli), asked.memory_mib, asked.accelerators),
    )


def end_ms_of(record: place_pb2.PlacementRecord) -> int:
    """When it ends at the latest, as far as its team has said."""
    length_s = record.workload.spec.duration_s_max
    start_ms = record.started_at_ms or record.placed_at_ms
    return start_ms + length_s * 1_000 if length_s else FOREVER_MS


def claimed(record: place_pb2.PlacementRecord) -> tuple[int, ...]:
    """Servers that are kept empty for it."""
    if record.state != place_pb2.PLACEMENT_STATE_CLAIMED:
        return ()
    return tuple(part.server for part in record.allocations)


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
