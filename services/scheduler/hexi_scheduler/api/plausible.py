"""What no site of today could ever do for a workload: refused before it is published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi.scheduler.v1 import workload_pb2
from hexi_kit.rpc.validate import Violations

from hexi_scheduler.domain.offer import SiteOffer
from hexi_scheduler.domain.route.route_policy import RoutePolicy
from hexi_scheduler.domain.workload import GENERAL

NAMES_SHOWN = 12


def check_plausible(
    request: pb.SubmitWorkloadsRequest,
    offers: Mapping[str, SiteOffer],
    policy: RoutePolicy,
    at_ms: int,
) -> None:
    """Names that nobody knows, wishes that exclude each other, deadlines that are over.

    Raises:
        InvalidArgument: naming each field and its reason; nothing of the batch counts.
    """
    found = Violations()
    offered = {c.class_id for offer in offers.values() for c in offer.classes} - {GENERAL}
    # Sites come one after the other: what policy knows may be on its way.
    models = offered | {class_id for class_id, _ in policy.unit_power_w} if offered else offered
    domestic = policy.domestic_classes
    regions = {site_id: offer.standing.region for site_id, offer in offers.items()}
    for index, spec in enumerate(request.workloads):
        at = f"workloads[{index}]"
        reasons = (*_models(spec, models, domestic), *_places(spec, regions), *_times(spec, at_ms))
        for field, reason in reasons:
            found.require(False, f"{at}.{field}", reason)
    found.raise_if_any()


def _models(
    spec: workload_pb2.WorkloadSpec, known: set[str], domestic: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    named = spec.resources.accelerator_models
    field = "resources.accelerator_models"
    if named and known and known.isdisjoint(named):
        names = ", ".join(sorted(known)[:NAMES_SHOWN])
        yield field, f"nobody knows such accelerators; there are {names}"
    foreign = bool(named) and not any(name.startswith(domestic) for name in named)
    if spec.constraints.domestic_only and foreign:
        yield field, "expected a domestic accelerator where only those will do"


def _places(
    spec: workload_pb2.WorkloadSpec, regions: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    asked = spec.constraints
    # A site that is not known yet may lie anywhere.
    lie_in = {regions.get(name, "") for name in asked.site_ids}
    if lie_in and asked.regions and "" not in lie_in and lie_in.isdisjoint(asked.regions):
        yield "constraints.regions", "none of the sites it names lies in these regions"


def _times(spec: workload_pb2.WorkloadSpec, at_ms: int) -> Iterator[tuple[str, str]]:
    if spec.deadline_ms and at_ms + spec.duration_s * 1_000 > spec.deadline_ms:
        yield "deadline_ms", "it could not end by then if it started now"
