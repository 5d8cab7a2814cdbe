"""The fair part of a site state, in and out."""

from __future__ import annotations

from hexi.scheduler.v1 import route_pb2

from hexi_scheduler.domain.fair_offer import Backfill, FairOffer, RankUse, TenantUse
from hexi_scheduler.domain.use import NO_USE, Use
from hexi_scheduler.domain.workload import FLEET


def fair_offer(message: route_pb2.SiteState) -> FairOffer:
    return FairOffer(
        tuple(TenantUse(x.tenant_id, _use(x)) for x in message.uses),
        _use(message.total),
        tuple(
            RankUse(x.class_id, x.executor or FLEET, x.rank, _use(x)) for x in message.preemptible
        ),
        tuple(
            Backfill(x.class_id, x.executor or FLEET, x.until_ms, _use(x)) for x in message.backfill
        ),
        message.claims_free,
    )


def put_fair_offer(message: route_pb2.SiteState, fair: FairOffer) -> None:
    for tenant_id, use in fair.uses:
        message.uses.add(tenant_id=tenant_id, **use._asdict())
    if fair.total != NO_USE:
        message.total.CopyFrom(route_pb2.TenantUse(**fair.total._asdict()))
    for class_id, executor, rank, use in fair.yielding:
        message.preemptible.add(
            class_id=class_id, executor=_said(executor), rank=rank, **use._asdict()
        )
    for class_id, executor, until_ms, use in fair.backfill:
        message.backfill.add(
            class_id=class_id, executor=_said(executor), until_ms=until_ms, **use._asdict()
        )
    message.claims_free = fair.claims_free


def _use(
    message: route_pb2.TenantUse | route_pb2.RankUse | route_pb2.Backfill,
) -> Use:
    return Use(message.cpu_milli, message.memory_mib, message.accelerator_milli)


def _said(executor: str) -> str:
    return "" if executor == FLEET else executor
