"""What the two journals say now, kept as raw bytes and decoded only when somebody asks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from hexi.scheduler.v1 import place_pb2, route_pb2, scheduler_service_pb2, workload_pb2
from hexi_kit import ids

_NOT_WORKLOADS = ("site/", "fence/", "passed/")
_PLACEMENT = "/p/"
_VISIBLE = {
    place_pb2.PLACEMENT_STATE_PLACED: workload_pb2.WORKLOAD_STATE_PLACED,
    place_pb2.PLACEMENT_STATE_STARTED: workload_pb2.WORKLOAD_STATE_RUNNING,
    place_pb2.PLACEMENT_STATE_ENDED: workload_pb2.WORKLOAD_STATE_ENDED,
}


class WorkloadView:
    """Newest record of every workload and placement; a lookup costs one or two decodes.

    A workload is known from its submission on: `note_submitted` remembers it until its first
    decision is read back. Who submits asks `undecided` first, so that this stays bounded.
    """

    def __init__(self) -> None:
        self._submitted: dict[str, workload_pb2.Workload] = {}
        self._routes: dict[str, bytes] = {}
        self._placements: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        self._by_tenant: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._unindexed: dict[str, None] = {}

    def note_submitted(self, workloads: Iterable[workload_pb2.Workload]) -> None:
        for workload in workloads:
            if workload.workload_id not in self._routes:
                self._submitted[workload.workload_id] = workload

    @property
    def undecided(self) -> int:
        """Workloads that were submitted here and have no decision yet."""
        return len(self._submitted)

    def apply_route(self, key: str, value: bytes | None) -> None:
        if key.startswith(_NOT_WORKLOADS):
            return
        if value is None:
            self._routes.pop(key, None)
            self._unindexed.pop(key, None)
            return
        if key not in self._routes:
            self._unindexed[key] = None
            self._submitted.pop(key, None)
        self._routes[key] = value

    def apply_placement(self, key: str, value: bytes | None) -> bool:
        """Take one record in; False when it is not a placement's."""
        site_id, mark, placement_id = key.partition(_PLACEMENT)
        if not mark:
            return False
        if value is None:
            self._placements[site_id].pop(placement_id, None)
        else:
            self._placements[site_id][placement_id] = value
        return True

    def get(self, workload_id: str) -> scheduler_service_pb2.WorkloadView | None:
        raw = self._routes.get(workload_id)
        if raw is None:
            workload = self._submitted.get(workload_id)
            if workload is None:
                return None
            return scheduler_service_pb2.WorkloadView(
                workload=workload, state=workload_pb2.WORKLOAD_STATE_SUBMITTED
            )
        route = route_pb2.RouteRecord.FromString(raw).decided
        placement = self._placement(route)
        state = route.state
        if state == workload_pb2.WORKLOAD_STATE_ROUTED and placement is not None:
            state = _VISIBLE.get(placement.state, state)
        workload = route.workload
        route.ClearField("workload")
        if placement is not None:
            placement.ClearField("workload")
        return scheduler_service_pb2.WorkloadView(
            workload=workload, state=state, route=route, placement=placement
        )

    def page(
        self, tenant_id: str, state: workload_pb2.WorkloadState.ValueType, after: str, size: int
    ) -> list[scheduler_service_pb2.WorkloadView]:
        """Up to `size` workloads of a tenant in id order, beginning behind `after`."""
        found: list[scheduler_service_pb2.WorkloadView] = []
        for workload_id in sorted(i for i in self._of_tenant(tenant_id) if i > after):
            view = self.get(workload_id)
            if view is None or state not in (workload_pb2.WORKLOAD_STATE_UNSPECIFIED, view.state):
                continue
            found.append(view)
            if len(found) == size:
                break
        return found

    def placements_of(self, site_id: str) -> Iterator[place_pb2.PlacementRecord]:
        for raw in list(self._placements[site_id].values()):
            yield place_pb2.PlaceJournal.FromString(raw).placement

    def placement(self, site_id: str, placement_id: str) -> place_pb2.PlacementRecord | None:
        raw = self._placements[site_id].get(placement_id)
        return place_pb2.PlaceJournal.FromString(raw).placement if raw else None

    def _placement(self, route: route_pb2.RouteDecided) -> place_pb2.PlacementRecord | None:
        placement_id = ids.derive("placement", route.workload.workload_id, route.attempt)
        return self.placement(route.site_id, placement_id) if route.site_id else None

    def _of_tenant(self, tenant_id: str) -> set[str]:
        for workload_id in self._unindexed:
            route = route_pb2.RouteRecord.FromString(self._routes[workload_id]).decided
            self._by_tenant[route.workload.tenant_id][workload_id] = None
        self._unindexed.clear()
        known = self._by_tenant[tenant_id]
        for gone in [i for i in known if i not in self._routes]:
            del known[gone]
        waiting = {i for i, w in self._submitted.items() if w.tenant_id == tenant_id}
        return waiting | set(known)
