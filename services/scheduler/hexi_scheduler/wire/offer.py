"""Site states, in and out."""

from __future__ import annotations

from functools import lru_cache

from hexi.scheduler.v1 import route_pb2

from hexi_scheduler.domain.offer import ClassOffer, LeaseOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.route.atlas import Position
from hexi_scheduler.domain.workload import FLEET
from hexi_scheduler.wire.fair_offer import fair_offer, put_fair_offer

OFFERS_MAX = 1_024


def offer(message: route_pb2.SiteState) -> SiteOffer:
    """What a site state says."""
    return _offer(message.SerializeToString(deterministic=True))


# Every partition of ROUTE hears the same states: the first reads them for all.
@lru_cache(maxsize=OFFERS_MAX)
def _offer(body: bytes) -> SiteOffer:
    message = route_pb2.SiteState.FromString(body)
    standing = SiteStanding(
        message.admitted,
        message.region,
        message.security_grade,
        message.state_owned_cloud,
        message.pue_milli,
        message.carbon_g_per_kwh,
        tuple(sorted(message.latency_us.items())),
        tuple(message.pue_milli_by_hour),
        tuple(message.carbon_g_per_kwh_by_hour),
        _position(message),
        message.hub,
        message.failure_ppm,
        tuple(message.latency_measured),
    )
    classes = [_class(c) for c in (*message.classes, *message.executor_classes)]
    leases = tuple(
        LeaseOffer(x.lease_id, x.tenant_id, x.class_id, x.units_free, x.price_micro_yuan)
        for x in message.leases
    )
    return SiteOffer(
        message.site_id,
        message.revision,
        standing,
        tuple(sorted(classes)),
        leases,
        message.server_set_revision,
        body,
        fair_offer(message),
        tuple((x.class_id, x.units) for x in message.spare),
        message.lost_at_ms,
    )


def site_state(offered: SiteOffer) -> route_pb2.SiteState:
    """The message of an offer; `classes` are those of the fleet, which is what can be sold."""
    standing = offered.standing
    message = route_pb2.SiteState(
        site_id=offered.site_id,
        server_set_revision=offered.server_set_revision,
        admitted=standing.admitted,
        region=standing.region,
        security_grade=standing.security_grade,
        state_owned_cloud=standing.state_owned_cloud,
        pue_milli=standing.pue_milli,
        carbon_g_per_kwh=standing.carbon_g_per_kwh,
        latency_us=dict(standing.latencies_us),
        pue_milli_by_hour=standing.pue_milli_by_hour,
        carbon_g_per_kwh_by_hour=standing.carbon_g_per_kwh_by_hour,
        position=_position_message(standing.position),
        hub=standing.hub,
        failure_ppm=standing.failure_ppm,
        latency_measured=standing.latency_measured,
        spare=[route_pb2.SpareCapacity(class_id=c, units=n) for c, n in offered.spare],
        lost_at_ms=offered.lost_at_ms,
        classes=[_class_message(c) for c in offered.classes if c.executor == FLEET],
        executors=sorted({c.executor for c in offered.classes}),
        revision=offered.revision,
        executor_classes=[_class_message(c) for c in offered.classes if c.executor != FLEET],
        leases=[
            route_pb2.LeaseCapacity(
                lease_id=x.lease_id,
                tenant_id=x.tenant_id,
                class_id=x.class_id,
                units_free=max(0, x.units_free),
                price_micro_yuan=x.price_micro_yuan,
            )
            for x in offered.leases
        ],
    )
    put_fair_offer(message, offered.fair)
    return message


def _position(message: route_pb2.SiteState) -> Position | None:
    if not message.HasField("position"):
        return None
    return Position(message.position.latitude_e6, message.position.longitude_e6)


def _position_message(position: Position | None) -> route_pb2.Position | None:
    return None if position is None else route_pb2.Position(**position._asdict())


def _class(message: route_pb2.ClassCapacity) -> ClassOffer:
    return ClassOffer(
        message.class_id,
        message.executor or FLEET,
        message.servers,
        message.servers_out,
        message.cpu_milli_free,
        message.memory_mib_free,
        message.accelerator_milli_free,
        tuple(message.servers_with_free_accelerators),
        message.cpu_milli_free_max,
        message.memory_mib_free_max,
        message.cpu_milli_largest,
        message.memory_mib_largest,
        message.accelerators_largest,
        message.price_micro_yuan,
    )


def _class_message(c: ClassOffer) -> route_pb2.ClassCapacity:
    fields = c._asdict()
    fields["executor"] = "" if c.executor == FLEET else c.executor
    return route_pb2.ClassCapacity(**fields)
