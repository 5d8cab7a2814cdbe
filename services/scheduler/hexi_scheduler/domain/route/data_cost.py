"""What it costs to move the data of a run to where it runs, and what it makes to where it goes."""

from __future__ import annotations

from hexi_scheduler.domain.route.atlas import Atlas
from hexi_scheduler.domain.route.route_policy import RoutePolicy
from hexi_scheduler.domain.workload import Demand

BYTES_PER_GB = 10**9
DATA_MICRO_YUAN_MAX = 10**12  # a million yuan a unit and slot: nobody moves that
MOVE_MICRO_YUAN_MAX = 10**16


def data_cost(policy: RoutePolicy, atlas: Atlas, site_id: str, demand: Demand, slots: int) -> int:
    """Bytes to and from elsewhere, by hub, spread over units and slots of the run."""
    total = 0
    for other, size in moves(demand):
        if other != site_id:
            near = bool(atlas.hub_of(other)) and atlas.hub_of(other) == atlas.hub_of(site_id)
            total += move_cost(policy, size, in_hub=near)
    return min(DATA_MICRO_YUAN_MAX, total // max(1, demand.units * slots))


def moves(demand: Demand) -> tuple[tuple[str, int], ...]:
    """Sites and the bytes that go between them and the one that is chosen."""
    if not demand.output_bytes or not demand.output_site_id:
        return demand.inputs
    return (*demand.inputs, (demand.output_site_id, demand.output_bytes))


def move_cost(policy: RoutePolicy, size_bytes: int, in_hub: bool) -> int:
    rate = policy.data_micro_yuan_per_gb_in_hub if in_hub else policy.data_micro_yuan_per_gb
    return min(MOVE_MICRO_YUAN_MAX, size_bytes * rate // BYTES_PER_GB)
