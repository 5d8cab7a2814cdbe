"""Both stages over one log in memory: what one owes the other arrives at once, in order."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

from hexi_contracts import topics
from hexi_contracts.topic import Topic
from hexi_kit import ids
from hexi_kit.kafka.batch import Entry
from hexi_kit.kafka.codec import encode
from hexi_kit.kafka.record import Outgoing, Record
from hexi_scheduler.domain.owed import Report, Usage
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.policies import Policies
from hexi_scheduler.stream.place_stage import SiteOwed
from hexi_scheduler.stream.site_states import SiteStates
from hexi_scheduler.stream.ticker import Ticker

from hexi_sim.memory import KeyValue, Outbox
from hexi_sim.simulate.clock import SimulatedClock
from hexi_sim.stages import parts, place_stage, route_stage

Told = Callable[[Topic, Sequence[KeyValue]], None]
HEADERS = {
    topic.name: {"ce_type": topic.ce_type.encode(), "ce_specversion": b"1.0"}
    for topic in (topics.SCHEDULER_REQUEST, topics.SCHEDULER_COMMAND)
}


class Scheduler:
    """One worker that owns every partition. `told` hears what either journal gets."""

    def __init__(self, clock: SimulatedClock, policies: Policies, packing: str, told: Told) -> None:
        self._clock, self._told = clock, told
        self._waiting: deque[Record] = deque()
        self._offsets: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._digest = blake2b(digest_size=16)
        self.units_ms = 0
        outbox: Any = Outbox(self.deliver)
        self._states = SiteStates(outbox, clock, clock, 0, policies.fair)
        self._ticker = Ticker(outbox, clock, 0)
        route = parts(topics.SCHEDULER_ROUTE, self._hears(topics.SCHEDULER_ROUTE), outbox)
        place = parts(topics.SCHEDULER_PLACEMENT, self._hears(topics.SCHEDULER_PLACEMENT), outbox)
        self.route = route_stage(route, clock, policies)
        self.place = place_stage(place, clock, policies, self._states.note, packing)
        self._pay_place = self.place.pay
        self.place.pay = self._pay  # type: ignore[method-assign]  # bills are added up, not sent
        for partition in range(topics.SCHEDULER_REQUEST.partitions):
            self.route.recover(partition, {})
        for partition in range(topics.SCHEDULER_COMMAND.partitions):
            self.place.recover(partition, {})

    @property
    def digest(self) -> str:
        """Of every journal record so far, in order."""
        return self._digest.hexdigest()

    def sites(self) -> list[Site]:
        return list(self.place.sites())

    def deliver(self, event: Outgoing) -> None:
        """Put an event at the end of its log; what no stage hears is dropped."""
        name = event.topic.name
        if name not in HEADERS:
            return
        key = (name, event.target)
        headers = HEADERS[name]
        if event.traceparent:
            headers = {**headers, "traceparent": event.traceparent.encode()}
        value = encode(event.message)
        self._waiting.append(
            Record(name, event.target, self._offsets[key], event.key.encode(), value, headers)
        )
        self._offsets[key] += 1

    async def settle(self) -> None:
        """Decide until nothing waits."""
        while self._waiting:
            name = self._waiting[0].topic
            batch: defaultdict[int, list[Record]] = defaultdict(list)
            while self._waiting and self._waiting[0].topic == name:
                record = self._waiting.popleft()
                batch[record.partition].append(record)
            stage = self.route if name == topics.SCHEDULER_REQUEST.name else self.place
            await stage.handle(dict(sorted(batch.items())))

    async def offer(self) -> None:
        """Tell ROUTE what has changed since it was told last."""
        await self._states.tell(self.place.site)
        await self.settle()

    async def tick(self) -> None:
        await self._ticker.tick(self.place.sites())
        await self.settle()

    def ask(self, topic: Topic, key: str, message: Any) -> None:
        """Say something to a stage as somebody outside would."""
        self.deliver(Outgoing(topic, key, message, ids.derive("sim", key, self._clock.now_ms())))

    async def _pay(self, owed: Sequence[SiteOwed]) -> None:
        reports: list[SiteOwed] = []
        for site_id, debt in owed:
            if isinstance(debt, Report):
                reports.append((site_id, debt))
            elif isinstance(debt, Usage):
                self.units_ms += debt.placement.units * (debt.end_ms - debt.start_ms)
        await self._pay_place(reports)

    def _hears(self, topic: Topic) -> Callable[[int, Sequence[Entry]], None]:
        def hear(partition: int, entries: Sequence[Entry]) -> None:
            written = [(entry[0], entry[1]) for entry in entries]
            for key, value in written:
                self._digest.update(b"%d %d " % (partition, len(key)) + key + (value or b"\0"))
            self._told(topic, written)

        return hear
