"""What inventory says of a site, in."""

from __future__ import annotations

from collections.abc import Sequence

from hexi.inventory.v1 import inventory_pb2
from hexi_kit.errors import Poison

from hexi_scheduler.domain.closures import Window
from hexi_scheduler.domain.facts import Server, ServerSet, SiteFacts
from hexi_scheduler.domain.route.atlas import Position
from hexi_scheduler.domain.workload import FLEET, GENERAL


def site_facts(message: inventory_pb2.SiteRecorded) -> SiteFacts:
    site = message.site
    return SiteFacts(
        message.revision,
        message.state == inventory_pb2.ADMISSION_STATE_ADMITTED,
        site.region,
        site.security_grade,
        site.state_owned_cloud,
        site.pue_milli,
        site.carbon_g_per_kwh,
        tuple(sorted((p.class_id, p.price_micro_yuan) for p in site.prices)),
        tuple(sorted((x.region, x.one_way_us) for x in site.latencies)),
        message.SerializeToString(deterministic=True),
        tuple(site.pue_milli_by_hour),
        tuple(site.carbon_g_per_kwh_by_hour),
        _position(site),
        site.hub,
        tuple(
            sorted(
                Window(m.start_ms, m.end_ms, m.window_id, tuple(sorted(m.racks)))
                for m in site.maintenance
            )
        ),
    )


def _position(site: inventory_pb2.Site) -> Position | None:
    # Nobody builds in the Gulf of Guinea: zeros are a site that has not said.
    if not site.latitude_e6 and not site.longitude_e6:
        return None
    return Position(site.latitude_e6, site.longitude_e6)


def server_set(message: inventory_pb2.ServerSet) -> ServerSet:
    """Columns to servers.

    Raises:
        Poison: columns of unequal length, or an index that names nothing.
    """
    count = len(message.cpu_milli)
    columns = (message.memory_mib, message.rack_index, message.accelerators)
    if any(len(column) != count for column in columns):
        raise Poison(f"server set of {message.site_id}: expected columns of {count} servers")
    try:
        servers = tuple(_servers(message, count))
    except IndexError as error:
        raise Poison(f"server set of {message.site_id}: an index names nothing") from error
    body = message.SerializeToString(deterministic=True)
    return ServerSet(message.revision, servers, body, *_by_rack(message))


def _by_rack(
    message: inventory_pb2.ServerSet,
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, int], ...]]:
    """Feeds and power limits; none where the columns do not cover the racks."""
    racks, feeds = message.racks, message.feeds
    fed = len(message.feed_index) == len(racks)
    limited = len(message.rack_power_limit_w) == len(racks)
    try:
        feed_of = [feeds[index] for index in message.feed_index] if fed else []
    except IndexError as error:
        raise Poison(f"server set of {message.site_id}: a feed index names nothing") from error
    return (
        tuple(zip(racks, feed_of, strict=True)) if fed else (),
        tuple(zip(racks, message.rack_power_limit_w, strict=True)) if limited else (),
    )


def power_limits_w(body: bytes) -> list[int]:
    """Power limit of each server of a server set's wire form; empty where none is declared."""
    return list(inventory_pb2.ServerSet.FromString(body).power_limit_w)


def _servers(message: inventory_pb2.ServerSet, count: int) -> list[Server]:
    racks = list(message.racks)
    models = ["", *message.accelerator_models]
    model_index: Sequence[int] = message.accelerator_index or [0] * count
    executors = list(message.executors) or [FLEET]
    executor_index: Sequence[int] = message.executor_index or [0] * count
    return [
        Server(
            racks[message.rack_index[i]],
            models[model_index[i]] if message.accelerators[i] else GENERAL,
            executors[executor_index[i]] or FLEET,
            message.cpu_milli[i],
            message.memory_mib[i],
            message.accelerators[i],
        )
        for i in range(count)
    ]
