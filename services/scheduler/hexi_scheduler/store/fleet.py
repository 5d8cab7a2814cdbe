"""A copy of every site's free capacity at the end of PLACE's journal, for those who ask why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from hexi.scheduler.v1 import place_pb2

from hexi_scheduler.domain.explain.fleet import Fleet
from hexi_scheduler.domain.explain.why_start import Ending
from hexi_scheduler.domain.facts import Condition
from hexi_scheduler.domain.place.ends import Ends
from hexi_scheduler.wire.live import claimed, declared, end_ms_of, is_live, work_of

ENDS_FIRST, ENDS_MAX = 24, 64

PlacementsOf = Callable[[str], Iterable[place_pb2.PlacementRecord]]
PlacementOf = Callable[[str, str], place_pb2.PlacementRecord | None]


class FleetView:
    """Changed by records alone; each one is applied once, in the order of the journal."""

    def __init__(self, placements_of: PlacementsOf, placement_of: PlacementOf) -> None:
        self.fleet = Fleet()
        self._placements_of, self._placement_of = placements_of, placement_of
        self._ends: defaultdict[str, Ends] = defaultdict(Ends)
        self._claims: defaultdict[str, dict[str, tuple[int, ...]]] = defaultdict(dict)
        self._out: defaultdict[str, dict[int, list[int]]] = defaultdict(dict)

    def apply(self, key: str, value: bytes | None) -> None:
        """One record of PLACE's journal."""
        site_id, _, rest = key.partition("/")
        if value is None:
            if rest.startswith("p/"):
                self._forget(site_id, rest[2:])
            return
        if rest.startswith("p/"):
            self._hold(site_id, place_pb2.PlaceJournal.FromString(value).placement)
        elif rest.startswith("condition/"):
            said = place_pb2.PlaceJournal.FromString(value).condition
            self._out[site_id][said.condition] = list(said.servers)
            self.fleet.bar(site_id, said.condition, said.servers)
        elif rest == "server-set":
            said_set = place_pb2.PlaceJournal.FromString(value).server_set.server_set
            self.fleet.put_servers(site_id, declared(said_set))
            self._take_again(site_id)

    def endings(self, site_id: str) -> Iterator[Ending]:
        """Live work of a site by its end; each record is read when it is asked for."""
        seen = 0
        # Most who ask are content with the first few.
        for most in (ENDS_FIRST, ENDS_MAX):
            for end_ms, name in self._ends[site_id].earliest(most)[seen:]:
                record = self._placement_of(site_id, name)
                if record is not None:
                    yield Ending(end_ms, work_of(record))
            seen = most

    def _hold(self, site_id: str, record: place_pb2.PlacementRecord) -> None:
        name, live = record.placement_id, is_live(record)
        ends = self._ends[site_id]
        held = name in ends
        if live != held:
            work = work_of(record)
            move = self.fleet.take if live else self.fleet.give
            for part in work.parts:
                move(site_id, part, work.asked)
        if live:
            ends.put(name, end_ms_of(record))
        elif held:
            ends.drop(name)
        self._claim(site_id, name, claimed(record))

    def _claim(self, site_id: str, name: str, servers: tuple[int, ...]) -> None:
        claims = self._claims[site_id]
        if claims.pop(name, ()) != servers:
            if servers:
                claims[name] = servers
            self._bar_claimed(site_id)
        elif servers:
            claims[name] = servers

    def _bar_claimed(self, site_id: str) -> None:
        kept = {server for servers in self._claims[site_id].values() for server in servers}
        self.fleet.bar(site_id, Condition.CLAIMED, sorted(kept))

    def _forget(self, site_id: str, name: str) -> None:
        """Its end was told before; a tombstone alone gives nothing back."""
        if name not in self._ends[site_id]:
            self._claim(site_id, name, ())

    def _take_again(self, site_id: str) -> None:
        self._ends[site_id] = Ends()
        for record in self._placements_of(site_id):
            self._hold(site_id, record)
        for condition, servers in self._out[site_id].items():
            self.fleet.bar(site_id, condition, servers)
        self._bar_claimed(site_id)
