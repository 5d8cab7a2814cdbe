"""Replays the placement journal: nothing over-allocated, nothing placed on a server that is out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2

from hexi_demo.audit.check import Check, check
from hexi_demo.audit.log import Entry

WHOLE = 1_000
LIVE = (place_pb2.PLACEMENT_STATE_PLACED, place_pb2.PLACEMENT_STATE_STARTED)
Taken = Counter[tuple[int, str]]


@dataclass(slots=True)
class Site:
    """A site as its journal has told it so far; `taken` counts (server, resource)."""

    servers: inventory_pb2.ServerSet | None = None
    out: dict[int, set[int]] = field(default_factory=dict)
    taken: Taken = field(default_factory=Counter)
    live: dict[str, place_pb2.PlacementRecord] = field(default_factory=dict)


def amounts(record: place_pb2.PlacementRecord) -> Iterator[tuple[tuple[int, str], int]]:
    """What a placement takes from each server, resource by resource."""
    asked = record.workload.spec.resources
    for allocation in record.allocations:
        yield (allocation.server, "cpu_milli"), asked.cpu_milli
        yield (allocation.server, "memory_mib"), asked.memory_mib
        for device in allocation.devices:
            yield (allocation.server, f"device {device}"), allocation.device_milli or WHOLE


def capacity(servers: inventory_pb2.ServerSet, server: int, resource: str) -> int:
    if resource == "cpu_milli":
        return servers.cpu_milli[server]
    if resource == "memory_mib":
        return servers.memory_mib[server]
    device = int(resource.split()[1])
    return WHOLE if device < servers.accelerators[server] else 0


class Replay:
    """Walks the journal once and keeps what it finds broken."""

    def __init__(self) -> None:
        self.sites: defaultdict[str, Site] = defaultdict(Site)
        self.over: list[str] = []
        self.misplaced: list[str] = []
        self.partial: list[str] = []
        self.placed = 0

    def run(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if isinstance(entry.value, place_pb2.PlaceJournal):
                self._take(self.sites[entry.key.partition("/")[0]], entry.value)

    def _take(self, site: Site, journal: place_pb2.PlaceJournal) -> None:
        kind = journal.WhichOneof("item")
        if kind == "server_set":
            site.servers = journal.server_set.server_set
        elif kind == "condition":
            site.out[journal.condition.condition] = set(journal.condition.servers)
        elif kind == "placement":
            self._place(site, journal.placement)

    def _place(self, site: Site, record: place_pb2.PlacementRecord) -> None:
        before = site.live.pop(record.placement_id, None)
        if before is not None:
            for place, amount in amounts(before):
                site.taken[place] -= amount
        if record.state not in LIVE:
            return
        site.live[record.placement_id] = record
        for place, amount in amounts(record):
            site.taken[place] += amount
        if before is None:
            self.placed += 1
            self._look(site, record)

    def _look(self, site: Site, record: place_pb2.PlacementRecord) -> None:
        name = f"{record.site_id}/{record.placement_id}"
        if len(record.allocations) != record.workload.spec.replicas:
            self.partial.append(f"{name}: {len(record.allocations)} replicas placed")
        if site.servers is None:
            self.misplaced.append(f"{name}: placed before any server was known")
            return
        for place, _ in amounts(record):
            limit = capacity(site.servers, *place)
            if site.taken[place] > limit:
                self.over.append(f"{name}: {place} holds {site.taken[place]} of {limit}")
        for condition, servers in site.out.items():
            if servers.intersection(a.server for a in record.allocations):
                word = place_pb2.ServerCondition.Name(
                    place_pb2.ServerCondition.ValueType(condition)
                )
                self.misplaced.append(f"{name}: placed on a server that is {word}")


def checks(entries: list[Entry]) -> list[Check]:
    """The laws of one writer per site, looked up in what it wrote."""
    replay = Replay()
    replay.run(entries)
    counted = f"{replay.placed} placements on {len(replay.sites)} sites"
    seen = replay.placed
    return [
        check("no server was ever over-allocated", counted, replay.over, seen=seen),
        check("no placement on a server that was out", counted, replay.misplaced, seen=seen),
        check("every gang was placed whole", counted, replay.partial, seen=seen),
    ]
