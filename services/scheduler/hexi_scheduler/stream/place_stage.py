"""PLACE on the log: commands of its sites in, decisions in its journal, what is owed out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from hexi.scheduler.v1 import place_pb2, route_pb2
from hexi_contracts import topics
from hexi_kit import ids
from hexi_kit.clock import Clock
from hexi_kit.errors import Poison
from hexi_kit.journal.table import Items
from hexi_kit.kafka.record import Outgoing, Record
from hexi_kit.metrics import counter
from hexi_kit.tracing import span

from hexi_scheduler.domain.owed import Owed, Report, Usage
from hexi_scheduler.domain.place.place_events import ClockMoved
from hexi_scheduler.domain.place.policy import Policy
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.step_place import step
from hexi_scheduler.domain.placement import Placement
from hexi_scheduler.domain.rules import NO_RULES, Rules
from hexi_scheduler.stream.losses import Losses
from hexi_scheduler.stream.rounds import Rounds
from hexi_scheduler.stream.stage import Partition, Stage, StageParts
from hexi_scheduler.wire.owed import reported, usage
from hexi_scheduler.wire.place_commands import command
from hexi_scheduler.wire.place_journal import entries, entry
from hexi_scheduler.wire.workload import WorkloadReader

BATCH_MAX = 500

SiteOwed = tuple[str, Owed]


class Shard(Partition):
    """The sites of one partition."""

    def __init__(self) -> None:
        super().__init__()
        self.sites: dict[str, Site] = {}

    def site(self, site_id: str) -> Site:
        found = self.sites.get(site_id)
        if found is None:
            found = self.sites[site_id] = Site(site_id)
        return found


class PlaceStage(Stage[SiteOwed]):
    """The single writer of the sites of its partitions; `changed` is told which ones changed."""

    name = "place"
    topic = topics.SCHEDULER_COMMAND

    def __init__(
        self,
        parts: StageParts,
        policy: Policy,
        clock: Clock,
        changed: Callable[[str], None],
        rules: Rules = NO_RULES,
    ) -> None:
        super().__init__(parts)
        self._policy, self._event_clock, self._changed = policy, clock, changed
        self._rules = rules
        self.shards: dict[int, Shard] = {}
        self._placed = counter("scheduler.placements_decided")
        self._preempted = counter("scheduler.placements_preempted")
        self._wasted_ms = counter("scheduler.accelerator_ms_wasted")
        self._losses = Losses()

    def sites(self) -> Iterator[Site]:
        """Every site that is awake, by partition, then in the order in which it was heard of."""
        for partition in sorted(self.shards):
            yield from self.shards[partition].sites.values()

    def site(self, site_id: str) -> Site | None:
        partition = self.topic.partition_of(site_id)
        if self.sleeps(partition):
            self.own(partition)
        shard = self.shards.get(partition)
        return shard.sites.get(site_id) if shard else None

    def build(self, partition: int, items: Items) -> None:
        self.shards[partition] = shard = rebuilt(items, self.reader)
        for site_id in shard.sites:
            self._changed(site_id)

    def forget(self, partition: int) -> None:
        self.shards.pop(partition, None)

    def held(self, partition: int) -> Shard:
        return self.shards[partition]

    def repeat(self, record: Record, rounds: Rounds[SiteOwed]) -> None:
        shard = self.shards[record.partition]
        for key, value in shard.answers(record.offset):
            found = entry(value, self.reader)
            site_id = _site_of(key)
            owed = shard.sites[site_id].owed(found[0]) if found else ()
            rounds.owe(record.partition, [(site_id, debt) for debt in owed])

    def decide(
        self, record: Record, message: place_pb2.SiteCommand, rounds: Rounds[SiteOwed]
    ) -> None:
        partition, site_id = record.partition, message.site_id
        if not site_id or self.topic.partition_of(site_id) != partition:
            raise Poison(f"expected a site of partition {partition}, was {site_id!r}")
        shard = self.shards[partition]
        traceparent = record.headers.get("traceparent", b"").decode(errors="replace")
        with span("scheduler.place", traceparent):
            said = command(message, self.reader)
            site = shard.site(site_id)
            events = step(site, said, message.recorded_at_ms, self._policy, self._rules)
        written = entries(site_id, events, partition, record.offset)
        for event, made in zip(events, written, strict=True):
            owed = site.owed(event)
            rounds.write(partition, made, [(site_id, debt) for debt in owed])
            if owed and isinstance(event, ClockMoved):
                # Who runs now decides what this record owes, after a crash as well.
                rounds.seal(partition)
        if events:
            shard.decided, site.revision = record.offset, record.offset + 1
            placements = [event for event in events if isinstance(event, Placement)]
            self._measure(placements)
            self._losses.count(said, placements)
            self._changed(site_id)

    def _measure(self, placements: Sequence[Placement]) -> None:
        self._placed.add(len(placements))
        preempted = [p.wasted_accelerator_ms for p in placements if p.preempted_by]
        if preempted:
            self._preempted.add(len(preempted))
            self._wasted_ms.add(sum(preempted))

    async def pay(self, owed: Sequence[SiteOwed]) -> None:
        outgoing = list(_usage(owed))
        outgoing.extend(_reports(owed, self._event_clock.now_ms()))
        await self.publisher.send_all(outgoing)


def rebuilt(items: Items, reader: WorkloadReader) -> Shard:
    """The sites as their journal tells them."""
    shard = Shard()
    for key, value in items.items():
        found = entry(value, reader)
        if found is not None:
            event, offset = found
            site = shard.site(_site_of(key))
            site.apply(event)
            site.revision = max(site.revision, offset + 1)
            shard.note(offset, key, value)
    return shard


def _site_of(key: bytes) -> str:
    return key.decode().partition("/")[0]


def _usage(owed: Iterable[SiteOwed]) -> Iterator[Outgoing]:
    by_site: defaultdict[str, list[place_pb2.Usage]] = defaultdict(list)
    for site_id, debt in owed:
        if isinstance(debt, Usage):
            by_site[site_id].append(usage(debt, site_id))
    for site_id, usages in sorted(by_site.items()):
        for start in range(0, len(usages), BATCH_MAX):
            part = usages[start : start + BATCH_MAX]
            event_id = ids.derive("usages", part[0].usage_id, len(part))
            batch = place_pb2.UsageBatch(usages=part)
            # A batch of many traces travels in the first one's; each usage names its own.
            trace = part[0].traceparent
            yield Outgoing(topics.SCHEDULER_USAGE, site_id, batch, event_id, traceparent=trace)


def _reports(owed: Iterable[SiteOwed], now_ms: int) -> Iterator[Outgoing]:
    topic = topics.SCHEDULER_REQUEST
    by_partition: defaultdict[int, list[route_pb2.PlacementReported]] = defaultdict(list)
    for site_id, debt in owed:
        if isinstance(debt, Report):
            by_partition[topic.partition_of(debt.workload_id)].append(reported(debt, site_id))
    for partition, reports in sorted(by_partition.items()):
        for start in range(0, len(reports), BATCH_MAX):
            part = reports[start : start + BATCH_MAX]
            first = part[0]
            message = route_pb2.Request(
                recorded_at_ms=now_ms, reports=route_pb2.PlacementReports(reports=part)
            )
            event_id = ids.derive("reports", first.workload_id, first.attempt, len(part))
            yield Outgoing(topic, first.workload_id, message, event_id, partition)
