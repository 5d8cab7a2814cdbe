"""Counts what passes on the topics, for the live view only; the summary never uses it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hexi.scheduler.v1 import place_pb2, route_pb2
from hexi_contracts import topics
from hexi_kit.clock import SystemClock
from hexi_kit.kafka.record import Record

from hexi_demo.measured import MEASURED, Measured

WATCHED = (
    topics.SCHEDULER_REQUEST,
    topics.SCHEDULER_PLACEMENT,
    topics.SCHEDULER_SITE_STATE,
    *MEASURED,
    topics.MARKETPLACE_TRADE,
    topics.SETTLEMENT_TRANSFER,
    topics.SECURITY_EVENT,
    topics.SECURITY_FINDING,
    topics.SECURITY_INCIDENT,
    topics.SECURITY_DIRECTIVE,
)
_STATES = {
    place_pb2.PLACEMENT_STATE_PLACED: "placed",
    place_pb2.PLACEMENT_STATE_STARTED: "started",
    place_pb2.PLACEMENT_STATE_ENDED: "ended",
    place_pb2.PLACEMENT_STATE_EVICTED: "evicted",
    place_pb2.PLACEMENT_STATE_DECLINED: "declined",
}


_MESSAGES = {topic.name: topic.message for topic in MEASURED if topic.message is not None}


class Watch:
    """Totals since the start, the newest state of each site, and when the first placement came."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self.totals: Counter[str] = Counter()
        self.sites: dict[str, route_pb2.SiteState] = {}
        self.live: Counter[str] = Counter()
        self.measured = Measured()
        self.first_placement_s: float | None = None

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        for record in records:
            key = (record.key or b"").decode()
            if record.value is None or key.startswith("fence/"):
                continue
            if topic == topics.SCHEDULER_PLACEMENT.name:
                self._placement(key, record.value)
            elif topic == topics.SCHEDULER_SITE_STATE.name:
                self.sites[key] = route_pb2.SiteState.FromString(record.value)
            elif topic == topics.SCHEDULER_REQUEST.name:
                request = route_pb2.Request.FromString(record.value)
                self.totals["submitted"] += len(request.submit.workloads)
            else:
                self.totals[topic.removesuffix(".v1")] += 1
                if topic in _MESSAGES:
                    self.measured.hear(_MESSAGES[topic].FromString(record.value))

    def _placement(self, key: str, value: bytes) -> None:
        site_id, mark, _ = key.partition("/p/")
        if not mark:
            return
        state = _STATES.get(place_pb2.PlaceJournal.FromString(value).placement.state)
        if state is None:
            return
        self.totals[state] += 1
        if state == "placed":
            self.live[site_id] += 1
            if self.first_placement_s is None:
                self.first_placement_s = self._clock.real_monotonic_s()
        elif state in ("ended", "evicted"):
            self.live[site_id] -= 1
