"""Keeps the api's view and its watchers at the end of the two journals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from hexi.scheduler.v1 import place_pb2, route_pb2
from hexi_contracts import topics
from hexi_kit.kafka.record import Record

from hexi_scheduler.ports import PlacementChanges, WorkloadJournal

# The view may be so late: its reader would take a tenth of the broker's time otherwise.
REST_S = 0.05
TAILED = (topics.SCHEDULER_ROUTE, topics.SCHEDULER_PLACEMENT, topics.SCHEDULER_SITE_STATE)


class JournalTail:
    """Applies records of the journals; wakes the watchers of the sites that changed."""

    def __init__(
        self,
        view: WorkloadJournal,
        changes: PlacementChanges,
        site_changed: Callable[[route_pb2.SiteState], None],
        place_changed: Callable[[str, bytes | None], None],
    ) -> None:
        self._view = view
        self._changes = changes
        self._site_changed = site_changed
        self._place_changed = place_changed

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        if topic == topics.SCHEDULER_ROUTE.name:
            for record in records:
                self._view.apply_route((record.key or b"").decode(), record.value)
        elif topic == topics.SCHEDULER_PLACEMENT.name:
            self._apply_placements(records)
        else:
            for record in records:
                if record.value:
                    self._site_changed(route_pb2.SiteState.FromString(record.value))

    def _apply_placements(self, records: Sequence[Record]) -> None:
        changed: defaultdict[str, list[place_pb2.PlacementRecord]] = defaultdict(list)
        for record in records:
            key = (record.key or b"").decode()
            self._place_changed(key, record.value)
            if not self._view.apply_placement(key, record.value) or record.value is None:
                continue
            site_id = key.partition("/")[0]
            if self._changes.is_watched(site_id):
                changed[site_id].append(place_pb2.PlaceJournal.FromString(record.value).placement)
        for site_id, placements in changed.items():
            self._changes.publish(site_id, placements)
