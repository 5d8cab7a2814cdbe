"""A simulated site's servers as the inventory wants them."""

from __future__ import annotations

import numpy as np
from hexi.inventory.v1 import inventory_pb2

from hexi_agent.domain.catalogue import CATALOGUE, Model
from hexi_agent.domain.layout import Layout, lay_out
from hexi_agent.machine import this_machine

FLEET, HOST = "fleet", "host"
SLURM, KUBERNETES = "slurm", "kubernetes"


def make_server_set(
    site_id: str, servers: int, *, seed: int, host_server: bool
) -> inventory_pb2.ServerSet:
    """Racks of 20 mixed servers; with `host_server` the last server is this machine."""
    return server_set_of(make_layout(site_id, servers, seed=seed, host_server=host_server))


def make_layout(
    site_id: str,
    servers: int,
    *,
    seed: int,
    host_server: bool,
    catalogue: tuple[Model, ...] = CATALOGUE,
) -> Layout:
    host = this_machine() if host_server else None
    return lay_out(site_id, servers, seed, host, catalogue)


def server_set_of(layout: Layout, executor: str = FLEET) -> inventory_pb2.ServerSet:
    """Every name once, every number a column; the revision is left to the inventory.

    `executor` runs the work of every server that is not this machine.
    """
    accelerators = sorted({model.accelerator for model in layout.models if model.accelerator})
    index_of = {name: index for index, name in enumerate(accelerators, 1)}
    accelerator_of = np.array([index_of.get(model.accelerator, 0) for model in layout.models])
    on_host = np.zeros(len(layout), np.int64)
    if layout.host >= 0:
        on_host[layout.host] = 1
    return inventory_pb2.ServerSet(
        site_id=layout.site_id,
        racks=layout.racks,
        rack_index=layout.rack_of.tolist(),
        models=[model.name for model in layout.models],
        model_index=layout.model_of.tolist(),
        cpu_milli=layout.column("cpu_milli").tolist(),
        memory_mib=layout.column("memory_mib").tolist(),
        accelerator_models=accelerators,
        accelerator_index=accelerator_of[layout.model_of].tolist(),
        accelerators=layout.column("accelerators").tolist(),
        power_limit_w=layout.column("power_limit_w").tolist(),
        executors=[executor, HOST] if layout.host >= 0 else [executor],
        executor_index=on_host.tolist(),
    )
