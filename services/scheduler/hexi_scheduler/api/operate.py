"""What operators tell sites: drain, undrain, lost, back; and what became of a lost site's work."""

from __future__ import annotations

from collections.abc import Iterator

from hexi.scheduler.v1 import place_pb2, workload_pb2
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi_kit import ids
from hexi_kit.errors import NotFound
from hexi_kit.rpc.validate import Violations

from hexi_scheduler import handlers
from hexi_scheduler.domain.closures import SITE_LOST, Drain, SiteLoss
from hexi_scheduler.domain.place.closure_commands import DeclareLoss, DirectDrain
from hexi_scheduler.ports import SiteStates, Workloads
from hexi_scheduler.wire.closures import said_of_closure

NAMES_MAX = 10_000
SERVER_MAX = 1_000_000
GRACE_S_MAX = 30 * 86_400
UNSAVED_MAX = 1_000
REASON_CHARS_MAX = 256
SAVED = (
    workload_pb2.WORKLOAD_STATE_PLACED,
    workload_pb2.WORKLOAD_STATE_RUNNING,
    workload_pb2.WORKLOAD_STATE_ENDED,
)


async def drain(
    desk: handlers.Desk, sites: SiteStates, request: pb.DrainSiteRequest
) -> pb.DrainSiteResponse:
    """Take servers out of service, or give them back.

    Raises:
        InvalidArgument: naming each field and its reason.
        NotFound: no such site.
    """
    found = _checked(request.idempotency_key, request.site_id, request.reason)
    found.bounded("racks", len(request.racks), 0, NAMES_MAX)
    for index, rack in enumerate(request.racks[:NAMES_MAX]):
        found.text(f"racks[{index}]", rack, 64)
    found.bounded("servers", len(request.servers), 0, NAMES_MAX)
    for index, server in enumerate(request.servers[:NAMES_MAX]):
        found.bounded(f"servers[{index}]", server, 0, SERVER_MAX)
    found.bounded("grace_s", request.grace_s, 0, GRACE_S_MAX)
    if request.drain_id:
        found.identifier("drain_id", request.drain_id)
    found.require(
        request.active or bool(request.drain_id),
        "drain_id",
        "expected the drain that is to end",
    )
    found.raise_if_any()
    _known(sites, request.site_id)
    key = ids.derive("drain", request.site_id, request.idempotency_key)
    name = request.drain_id or key
    now_ms = desk.clock.now_ms()
    evict_at_ms = now_ms + request.grace_s * 1_000
    racks, servers = tuple(sorted(request.racks)), tuple(sorted(request.servers))
    wish = DirectDrain(Drain(name, racks, servers, evict_at_ms, request.reason), request.active)
    await handlers.tell_site(desk, said_of_closure(request.site_id, wish, now_ms), key)
    return pb.DrainSiteResponse(drain_id=name, evict_at_ms=evict_at_ms)


async def declare_lost(
    desk: handlers.Desk, sites: SiteStates, request: pb.DeclareSiteLostRequest
) -> pb.DeclareSiteLostResponse:
    """Give up all that runs in a site, or take the site back.

    Raises:
        InvalidArgument: naming each field and its reason.
        NotFound: no such site.
    """
    found = _checked(request.idempotency_key, request.site_id, request.reason)
    found.raise_if_any()
    _known(sites, request.site_id)
    now_ms = desk.clock.now_ms()
    said = DeclareLoss(SiteLoss(now_ms, declared=True, reason=request.reason), request.lost)
    key = ids.derive("loss", request.site_id, request.idempotency_key)
    await handlers.tell_site(desk, said_of_closure(request.site_id, said, now_ms), key)
    return pb.DeclareSiteLostResponse()


def site_loss(workloads: Workloads, sites: SiteStates, site_id: str) -> pb.GetSiteLossResponse:
    """What was given up there, what runs elsewhere since, and what does not.

    Raises:
        InvalidArgument: not a site's name.
        NotFound: no such site.
    """
    found = Violations()
    found.identifier("site_id", site_id)
    found.raise_if_any()
    answer = pb.GetSiteLossResponse(lost_at_ms=_known(sites, site_id))
    unsaved: list[pb.UnsavedWorkload] = []
    for view in _given_up(workloads, site_id):
        answer.evicted += 1
        if view.state in SAVED:
            answer.saved += 1
        elif view.state != workload_pb2.WORKLOAD_STATE_CANCELLED:
            unsaved.append(_unsaved(view))
    unsaved.sort(key=lambda one: (-one.priority, one.workload_id))
    answer.unsaved.extend(unsaved[:UNSAVED_MAX])
    return answer


def _given_up(workloads: Workloads, site_id: str) -> Iterator[pb.WorkloadView]:
    names = {
        placement.workload.workload_id: None
        for placement in workloads.placements_of(site_id)
        if placement.state == place_pb2.PLACEMENT_STATE_EVICTED
        and placement.reason.startswith(SITE_LOST)
    }
    for name in names:
        view = workloads.get(name)
        if view is not None:
            yield view


def _unsaved(view: pb.WorkloadView) -> pb.UnsavedWorkload:
    why = view.route.why_not.nearest_miss or view.route.reason
    spec, name = view.workload.spec, view.workload.workload_id
    return pb.UnsavedWorkload(
        workload_id=name, priority=spec.priority, state=view.state, nearest_miss=why
    )


def _checked(idempotency_key: str, site_id: str, reason: str) -> Violations:
    found = Violations()
    found.identifier("idempotency_key", idempotency_key)
    found.identifier("site_id", site_id)
    found.text("reason", reason, REASON_CHARS_MAX, 0)
    return found


def _known(sites: SiteStates, site_id: str) -> int:
    """Since when the site is lost, or 0."""
    for state in sites.all():
        if state.site_id == site_id:
            return state.lost_at_ms
    raise NotFound("site", site_id)
