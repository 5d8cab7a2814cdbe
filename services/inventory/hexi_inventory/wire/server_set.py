"""Server sets, both ways."""

from __future__ import annotations

from hexi.inventory.v1 import inventory_pb2 as pb
from hexi_kit.rpc.validate import Violations

from hexi_inventory.domain.record import ServerSetRecord
from hexi_inventory.domain.server_set import ServerSet, problems
from hexi_inventory.wire.site import check_site_id


def check_server_set(found: Violations, message: pb.ServerSet) -> None:
    """Collect all that is wrong with the columns."""
    check_site_id(found, "server_set.site_id", message.site_id)
    found.require(message.revision == 0, "server_set.revision", "expected 0: it is given here")
    for field, reason in problems(server_set_of(message)):
        found.require(False, f"server_set.{field}", reason)


def server_set_of(message: pb.ServerSet) -> ServerSet:
    return ServerSet(
        site_id=message.site_id,
        racks=tuple(message.racks),
        rack_index=tuple(message.rack_index),
        models=tuple(message.models),
        model_index=tuple(message.model_index),
        cpu_milli=tuple(message.cpu_milli),
        memory_mib=tuple(message.memory_mib),
        accelerator_models=tuple(message.accelerator_models),
        accelerator_index=tuple(message.accelerator_index),
        accelerators=tuple(message.accelerators),
        power_limit_w=tuple(message.power_limit_w),
        executors=tuple(message.executors),
        executor_index=tuple(message.executor_index),
        feeds=tuple(message.feeds),
        feed_index=tuple(message.feed_index),
        rack_power_limit_w=tuple(message.rack_power_limit_w),
    )


def server_set_message(record: ServerSetRecord) -> pb.ServerSet:
    servers = record.servers
    return pb.ServerSet(
        site_id=servers.site_id,
        revision=record.revision,
        racks=servers.racks,
        rack_index=servers.rack_index,
        models=servers.models,
        model_index=servers.model_index,
        cpu_milli=servers.cpu_milli,
        memory_mib=servers.memory_mib,
        accelerator_models=servers.accelerator_models,
        accelerator_index=servers.accelerator_index,
        accelerators=servers.accelerators,
        power_limit_w=servers.power_limit_w,
        executors=servers.executors,
        executor_index=servers.executor_index,
        feeds=servers.feeds,
        feed_index=servers.feed_index,
        rack_power_limit_w=servers.rack_power_limit_w,
    )
