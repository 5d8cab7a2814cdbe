"""Why a workload waits, or why it is where it is: ROUTE's own filters, asked again now."""

from __future__ import annotations

from collections.abc import Iterable

from hexi.scheduler.v1 import route_pb2, workload_pb2
from hexi.scheduler.v1 import scheduler_service_pb2 as pb

from hexi_scheduler.domain.atlas import Atlas
from hexi_scheduler.domain.cost import stay_of, terms
from hexi_scheduler.domain.filters import Around, objections, suitable
from hexi_scheduler.domain.offer import SiteOffer
from hexi_scheduler.domain.room import NOTHING, has_room
from hexi_scheduler.domain.route_policy import RoutePolicy
from hexi_scheduler.domain.workload import Workload
from hexi_scheduler.wire.offer import offer
from hexi_scheduler.wire.workload import WorkloadReader

NO_ROOM = "room"
SUMMARY = {
    workload_pb2.WORKLOAD_STATE_SUBMITTED: "it is on its way to ROUTE",
    workload_pb2.WORKLOAD_STATE_WAITING: "no site has room for it now",
    workload_pb2.WORKLOAD_STATE_ROUTED: "it is on its way to a site",
    workload_pb2.WORKLOAD_STATE_REFUSED: "no site could ever hold it",
    workload_pb2.WORKLOAD_STATE_PLACED: "it is placed and about to start",
    workload_pb2.WORKLOAD_STATE_RUNNING: "it runs",
    workload_pb2.WORKLOAD_STATE_ENDED: "it has ended",
    workload_pb2.WORKLOAD_STATE_CANCELLED: "it was cancelled",
}


class Explainer:
    """Holds the policy in force; sites are compared as they are at the moment of asking."""

    def __init__(self, policy: RoutePolicy) -> None:
        self._policy = policy
        self._reader = WorkloadReader()

    def explain(
        self, view: pb.WorkloadView, states: Iterable[route_pb2.SiteState]
    ) -> pb.ExplainWorkloadResponse:
        """The state in a sentence, the recorded why-not, and a verdict on every site."""
        workload = self._reader.read(view.workload)
        offers = [offer(state) for state in states]
        around = Around(Atlas(), self._policy.domestic_classes)
        for site in offers:
            around.atlas.put(site.site_id, site.standing.place)
        at_ms = view.route.decided_at_ms
        verdicts = [self._verdict(site, workload, around, at_ms) for site in offers]
        why = view.placement.why_not if view.placement.HasField("why_not") else view.route.why_not
        return pb.ExplainWorkloadResponse(
            state=view.state,
            summary=_summary(view),
            why_not=why,
            sites=sorted(
                verdicts, key=lambda v: (bool(v.objections), v.cost_micro_yuan, v.site_id)
            ),
        )

    def _verdict(
        self, site: SiteOffer, workload: Workload, around: Around, at_ms: int
    ) -> pb.SiteVerdict:
        demand, policy = workload.demand, self._policy.at(at_ms)
        stay = stay_of(workload, policy, at_ms)
        against = objections(site, demand, workload.tenant_id, around)
        choices = [
            (
                terms(policy, around.atlas, site, choice, demand, stay).total,
                has_room(choice, demand, NOTHING),
            )
            for choice in suitable(site, demand, workload.tenant_id, around)
        ]
        if not against and not any(room for _, room in choices):
            against = [NO_ROOM]
        cost = min((cost for cost, _ in choices), default=0)
        return pb.SiteVerdict(site_id=site.site_id, objections=against, cost_micro_yuan=cost)


def _summary(view: pb.WorkloadView) -> str:
    text = SUMMARY.get(view.state, "unknown")
    if view.route.site_id and view.state not in (
        workload_pb2.WORKLOAD_STATE_WAITING,
        workload_pb2.WORKLOAD_STATE_REFUSED,
    ):
        text += f"; site {view.route.site_id}, attempt {view.route.attempt}"
    reason = view.route.reason or view.placement.reason
    return f"{text}: {reason}" if reason else text
