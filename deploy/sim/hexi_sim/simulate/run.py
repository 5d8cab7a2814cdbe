"""One run of a simulation file under one policy: the event queue and what each event says."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi_contracts import topics
from hexi_contracts.topic import Topic
from hexi_kit import ids

from hexi_sim.memory import KeyValue
from hexi_sim.simulate.agents import Agents
from hexi_sim.simulate.arrivals import Arrival, arrivals
from hexi_sim.simulate.clock import SimulatedClock
from hexi_sim.simulate.faults import Faults
from hexi_sim.simulate.fleet import Fleet, carbon_series, recorded
from hexi_sim.simulate.ledger import Ledger
from hexi_sim.simulate.measure import Meter, Sample
from hexi_sim.simulate.scheduler import Scheduler
from hexi_sim.simulate.spec import HOUR_MS, PolicyChoice, Spec
from hexi_sim.stages import chosen

# Runs that begin or end within the same second are reported together.
REPORT_MS = 1_000
Due = tuple[str, str, int]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    policy: str
    samples: Sequence[Sample]
    ledger: Ledger
    digest: str
    units_ms: int
    arrivals: int


class Run:
    """Everything that moves is an entry of one heap: (when, in which order, what)."""

    def __init__(self, spec: Spec, fleets: list[Fleet], choice: PolicyChoice, beside: Path) -> None:
        self._spec, self._choice, self._fleets = spec, choice, fleets
        self._start_ms = int(spec.start.timestamp() * 1_000)
        self._end_ms = self._start_ms + int(spec.hours * HOUR_MS)
        self._clock = SimulatedClock(self._start_ms)
        self._ledger = Ledger(fleets)
        self._agents = Agents(self._ledger, spec.seed)
        policies = chosen(choice.route)
        of = policies.fair.tenants.of
        self._meter = Meter(self._ledger, {t: of(t).weight for t in spec.work.tenants})
        self._scheduler = Scheduler(self._clock, policies, choice.place, self._told)
        lost_ms = policies.conditions.site_lost_ms
        by_site = {fleet.spec.site: fleet for fleet in fleets}
        self._faults = Faults(spec.faults, by_site, self._start_ms, lost_ms)
        self._carbon = {f.spec.site: carbon_series(f.spec, beside) for f in fleets}
        self._arrivals = arrivals(spec.work, spec.seed, self._start_ms, beside)
        self._heap: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = count()
        self._due: defaultdict[int, list[Due]] = defaultdict(list)
        self._samples: list[Sample] = []
        self._next_offer_ms = self._next_tick_ms = self._start_ms

    async def to_the_end(self, progress: Progress) -> Result:
        """Until the hours are over."""
        self._open()
        while self._heap and self._heap[0][0] <= self._end_ms:
            at_ms = self._heap[0][0]
            self._clock.set(at_ms)
            while self._heap and self._heap[0][0] == at_ms:
                heapq.heappop(self._heap)[2](at_ms)
            await self._scheduler.settle()
            if at_ms >= self._next_offer_ms:
                self._next_offer_ms = at_ms + self._spec.offer_s * 1_000
                await self._scheduler.offer()
            if at_ms >= self._next_tick_ms:
                self._next_tick_ms = at_ms + self._spec.tick_s * 1_000
                await self._scheduler.tick()
            progress(at_ms - self._start_ms, self._end_ms - self._start_ms)
        return Result(
            self._choice.name,
            self._samples,
            self._ledger,
            self._scheduler.digest,
            self._scheduler.units_ms,
            len(self._ledger.submitted),
        )

    def _open(self) -> None:
        self._facts(self._start_ms)
        for fleet in self._fleets:
            said = place_pb2.SiteCommand(server_set=fleet.server_set)
            self._command(fleet.spec.site, said)
        for at_ms, site_id, said in self._faults.commands():
            self._at(at_ms, partial(self._say, site_id, said))
        for at_ms, site_id, lost in self._faults.silences():
            self._at(at_ms, partial(self._silence, site_id, lost))
        self._at(self._start_ms, self._beat)
        self._at(self._start_ms, self._sample)
        self._next_arrival()

    def _at(self, at_ms: int, what: Callable[[int], None]) -> None:
        heapq.heappush(self._heap, (at_ms, next(self._order), what))

    def _beat(self, now_ms: int) -> None:
        """Offers and ticks come also when nothing else happens; facts when an hour begins."""
        if (now_ms - self._start_ms) % HOUR_MS == 0 and now_ms > self._start_ms:
            self._facts(now_ms)
        hour_ms = now_ms + HOUR_MS - (now_ms - self._start_ms) % HOUR_MS
        step_ms = min(self._spec.offer_s, self._spec.tick_s) * 1_000
        self._at(min(now_ms + step_ms, hour_ms), self._beat)

    def _sample(self, now_ms: int) -> None:
        hour = (now_ms - self._start_ms) // HOUR_MS
        carbon = {name: series[hour % len(series)] for name, series in self._carbon.items()}
        self._samples.append(self._meter.sample(now_ms, carbon))
        self._at(now_ms + self._spec.sample_s * 1_000, self._sample)

    def _facts(self, now_ms: int) -> None:
        hour = (now_ms - self._start_ms) // HOUR_MS
        for fleet in self._fleets:
            site_id = fleet.spec.site
            carbon = self._carbon[site_id]
            if hour and len(carbon) == 1 and not fleet.spec.price_percent_by_hour:
                continue
            site = recorded(fleet, hour, carbon, self._faults.maintenance(site_id))
            said = inventory_pb2.SiteRecorded(
                site=site, revision=hour + 1, state=inventory_pb2.ADMISSION_STATE_ADMITTED
            )
            self._command(site_id, place_pb2.SiteCommand(site=said))

    def _next_arrival(self) -> None:
        arrival = next(self._arrivals, None)
        if arrival is not None:
            self._at(self._start_ms + arrival.at_ms, partial(self._submit, arrival))

    def _submit(self, arrival: Arrival, now_ms: int) -> None:
        number = len(self._ledger.submitted)
        name = ids.derive("sim", self._spec.seed, number)
        workload = workload_pb2.Workload(
            workload_id=name,
            tenant_id=arrival.tenant_id,
            spec=arrival.spec,
            submitted_at_ms=now_ms,
        )
        self._ledger.submitted[name] = now_ms
        self._ledger.kind[name] = kind_of(arrival.spec)
        self._ledger.tenant[name] = arrival.tenant_id
        self._agents.durations_s[name] = arrival.duration_s
        self._meter.submitted(name, arrival.tenant_id, arrival.spec)
        batch = route_pb2.SubmitBatch(workloads=[workload])
        request = route_pb2.Request(recorded_at_ms=now_ms, submit=batch)
        self._scheduler.ask(topics.SCHEDULER_REQUEST, name, request)
        self._next_arrival()

    def _say(self, site_id: str, said: place_pb2.SiteCommand, _: int) -> None:
        self._command(site_id, said)

    def _command(self, site_id: str, said: place_pb2.SiteCommand) -> None:
        said.site_id, said.recorded_at_ms = site_id, self._clock.now_ms()
        self._scheduler.ask(topics.SCHEDULER_COMMAND, site_id, said)

    def _silence(self, site_id: str, lost: bool, now_ms: int) -> None:
        """A lost site says nothing; when it comes back, what is still there runs anew."""
        if lost:
            self._agents.lost.add(site_id)
            return
        self._agents.lost.discard(site_id)
        for name, held in self._ledger.sites[site_id].live.items():
            self._schedule(site_id, name, self._agents.next_report(held.placement, now_ms))

    def _report(self, now_ms: int) -> None:
        for site_id, reports in self._agents.reports(self._due.pop(now_ms), now_ms).items():
            self._command(site_id, place_pb2.SiteCommand(runs=reports))

    def _schedule(self, site_id: str, name: str, due: tuple[int, int] | None) -> None:
        if due is None:
            return
        at_ms = -(-due[0] // REPORT_MS) * REPORT_MS
        if at_ms not in self._due:
            self._at(at_ms, self._report)
        self._due[at_ms].append((site_id, name, due[1]))

    def _told(self, topic: Topic, written: Sequence[KeyValue]) -> None:
        now_ms = self._clock.now_ms()
        for raw_key, value in written:
            key = raw_key.decode()
            if topic is topics.SCHEDULER_ROUTE:
                self._routed(key, value)
                continue
            site_id, _, rest = key.partition("/")
            if not rest.startswith("p/"):
                continue
            if value is None:
                self._ledger.forgotten(site_id, rest[2:])
                continue
            placement = place_pb2.PlaceJournal.FromString(value).placement
            self._ledger.placed(placement, now_ms)
            if placement.state == place_pb2.PLACEMENT_STATE_EVICTED:
                self._agents.stopped(placement)
            due = self._agents.next_report(placement, now_ms)
            self._schedule(site_id, placement.placement_id, due)

    def _routed(self, key: str, value: bytes | None) -> None:
        if value is not None and key in self._ledger.submitted:
            record: Any = route_pb2.RouteRecord.FromString(value)
            self._ledger.routed(key, record.decided.state)


def kind_of(spec: workload_pb2.WorkloadSpec) -> str:
    """The class by which waits are told apart."""
    asked = spec.resources
    if spec.replicas > 1:
        return "gang"
    if not asked.accelerators:
        return "cpu"
    if asked.accelerators > 1:
        return "several"
    return "share" if 0 < asked.accelerator_milli < 1_000 else "whole"
