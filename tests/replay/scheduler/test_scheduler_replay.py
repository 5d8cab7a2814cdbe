"""Goal: same log, same decisions, byte for byte, for ever.

Method: recorded histories of both stages are stepped through again and every journal entry is
compared by digest. When behaviour changes on purpose the old history stays, with the version that
wrote it noted in its name, and a new one joins: `python tests/replay/scheduler/
test_scheduler_replay.py NAME SEED` records one.
"""

from __future__ import annotations

import base64
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import pytest
from hexi.common.v1 import common_pb2
from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi_kit import ids
from hexi_scheduler.domain import step_place, step_route
from hexi_scheduler.domain.policy import BestFit
from hexi_scheduler.domain.route import Route, RouteState
from hexi_scheduler.domain.route_policy import RoutePolicy
from hexi_scheduler.domain.router import Router
from hexi_scheduler.domain.site import Site
from hexi_scheduler.domain.site_offer import offer_of
from hexi_scheduler.wire import place_commands, place_journal, route
from hexi_scheduler.wire.offer import site_state
from hexi_scheduler.wire.workload import WorkloadReader

HERE = Path(__file__).parent
# The weights of the day a history was recorded belong to it.
POLICY = RoutePolicy("2026-01-01", 8, 400_000, 90_000, 200, 8, 350, (("A100", 400),))
START_MS = 1_795_228_200_000
MODELS = ("general", "A100")

Entries = list[tuple[bytes, bytes | None]]


class Province:
    """Both stages, one partition each, as their pure steps."""

    def __init__(self) -> None:
        self.router, self.sites = Router(POLICY), defaultdict[str, Site](lambda: Site(""))
        self.reader = WorkloadReader()
        self.offset = 0

    def ask(self, value: bytes) -> tuple[Entries, list[Route]]:
        message = route_pb2.Request.FromString(value)
        asked = route.request(message, self.reader)
        events = step_route.step(self.router, asked, message.recorded_at_ms)
        routed = [e for e in events if isinstance(e, Route) and e.state is RouteState.ROUTED]
        return route.entries(events, 0, self._next()), routed

    def tell(self, value: bytes) -> Entries:
        message = place_pb2.SiteCommand.FromString(value)
        site = self.sites[message.site_id]
        site.site_id = message.site_id
        said = place_commands.command(message, self.reader)
        events = step_place.step(site, said, message.recorded_at_ms, BestFit())
        offset = self._next()
        site.revision = offset + 1 if events else site.revision
        return place_journal.entries(message.site_id, events, 0, offset)

    def _next(self) -> int:
        self.offset += 1
        return self.offset


def digest(entries: Entries) -> str:
    made = blake2b(digest_size=12)
    for key, value in entries:
        made.update(repr((key, value)).encode())
    return made.hexdigest()


@pytest.mark.parametrize("path", sorted(HERE.glob("*.json")), ids=lambda path: path.stem)
def test_a_recorded_history_is_decided_as_it_was(path: Path) -> None:
    province = Province()
    for line, (stage, value, expected) in enumerate(json.loads(path.read_text())):
        raw = base64.b64decode(value)
        entries = province.ask(raw)[0] if stage == "route" else province.tell(raw)
        assert digest(entries) == expected, f"{path.name}: {stage} input {line} decides otherwise"


class Recorder(Province):
    """Plays a seeded day and writes down every input with the digest of its decisions."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.dice = ids.seeded(seed)
        self.now_ms = START_MS
        self.lines: list[tuple[str, str, str]] = []

    def request(self, **item: object) -> None:
        message = route_pb2.Request(recorded_at_ms=self.now_ms, **item)
        value = message.SerializeToString(deterministic=True)
        entries, routed = self.ask(value)
        self._write("route", value, entries)
        for site_id, commands in sorted(route.orders(routed, 100_000).items()):
            head = place_pb2.SiteCommand(site_id=site_id, recorded_at_ms=self.now_ms)
            for order in commands:
                self._tell(head.SerializeToString() + order.body)

    def command(self, site_id: str, **item: object) -> None:
        message = place_pb2.SiteCommand(site_id=site_id, recorded_at_ms=self.now_ms, **item)
        self._tell(message.SerializeToString(deterministic=True))

    def _tell(self, value: bytes) -> None:
        self._write("place", value, self.tell(value))

    def _write(self, stage: str, value: bytes, entries: Entries) -> None:
        self.lines.append((stage, base64.b64encode(value).decode(), digest(entries)))

    def open(self, name: str, price: int) -> None:
        prices = [inventory_pb2.Price(class_id=m, price_micro_yuan=price) for m in MODELS]
        site = inventory_pb2.Site(site_id=name, region="gansu", pue_milli=1_200, prices=prices)
        facts = inventory_pb2.SiteRecorded(
            site=site, revision=1, state=inventory_pb2.ADMISSION_STATE_ADMITTED
        )
        self.command(name, site=facts)
        count = 12
        self.command(
            name,
            server_set=inventory_pb2.ServerSet(
                site_id=name,
                revision=1,
                racks=["r0", "r1", "r2"],
                rack_index=[i % 3 for i in range(count)],
                cpu_milli=[self.dice.choice((16_000, 32_000)) for _ in range(count)],
                memory_mib=[65_536] * count,
                accelerator_models=["A100"],
                accelerator_index=[i % 2 for i in range(count)],
                accelerators=[4 * (i % 2) for i in range(count)],
            ),
        )

    def offers(self) -> None:
        states = [site_state(o) for s in self.sites.values() if (o := offer_of(s)) is not None]
        self.request(site_states=route_pb2.SiteStates(sites=states))

    def submit(self, count: int) -> None:
        workloads = []
        for _ in range(count):
            number = len(self.router.routes) + len(workloads)
            accelerators = self.dice.choice((0, 0, 1, 2))
            spec = workload_pb2.WorkloadSpec(
                name=f"w{number}",
                replicas=self.dice.choice((1, 1, 1, 3)),
                priority=self.dice.randrange(3),
                duration_s_max=self.dice.choice((0, 1_200)),
                lease_id=self.dice.choice(("", "", "", "lease")),
                resources=common_pb2.Resources(
                    cpu_milli=self.dice.choice((500, 2_000, 7_000)),
                    memory_mib=1_024,
                    accelerators=accelerators,
                    accelerator_milli=300 if accelerators == 1 else 0,
                ),
            )
            name = ids.derive("replay", number)
            workloads.append(
                workload_pb2.Workload(
                    workload_id=name, tenant_id="t", spec=spec, submitted_at_ms=self.now_ms
                )
            )
        self.request(submit=route_pb2.SubmitBatch(workloads=workloads))

    def report(self) -> None:
        for name, site in sorted(self.sites.items()):
            live = sorted(p for p, placement in site.placements.items() if placement.live)
            picked = self.dice.sample(live, len(live) // 3)
            reports = [
                place_pb2.RunReport(
                    placement_id=p, state=self.dice.choice((1, 1, 2, 3)), at_ms=self.now_ms
                )
                for p in picked
            ]
            self.command(name, runs=place_pb2.RunReports(reports=reports))

    def answers(self) -> Iterator[route_pb2.PlacementReported]:
        """What PLACE says of the newest attempts that are over."""
        for name, known in sorted(self.router.routes.items()):
            site = self.sites.get(known.site_id)
            if site is None or known.state is not RouteState.ROUTED:
                continue
            placed = site.placements.get(ids.derive("placement", name, known.attempt))
            if placed is not None and not placed.live:
                outcome = {2: 1, 4: 3, 5: 2}[placed.state]
                yield route_pb2.PlacementReported(
                    workload_id=name, attempt=known.attempt, outcome=outcome, reason="recorded"
                )


def record(path: Path, seed: int) -> None:
    """Write a history of a seeded day."""
    day = Recorder(seed)
    for name, price in (("a", 1_000), ("b", 1_010)):
        day.open(name, price)
    right = place_pb2.Reservation(
        lease_id="lease",
        tenant_id="t",
        class_id="general",
        units=8,
        start_ms=START_MS,
        end_ms=START_MS + 1_800_000,
        price_micro_yuan=7,
    )
    day.command("a", reserve=right)
    for minute in range(45):
        day.now_ms += 60_000
        day.offers()
        day.submit(day.dice.randrange(6))
        day.report()
        for name in ("a", "b"):
            day.command(name, tick=place_pb2.Ticked(now_ms=day.now_ms))
        if minute % 9 == 4:
            closed = place_pb2.QuarantineDirected(
                directive_id="d", active=minute % 2 == 0, racks=["r1"]
            )
            day.command("a", quarantine=closed)
            hot = place_pb2.ConditionChanged(condition=1, active=minute % 2 == 0, servers=[0, 3])
            day.command("b", condition=hot)
        day.request(reports=route_pb2.PlacementReports(reports=list(day.answers())))
    path.write_text(json.dumps(day.lines, indent=0) + "\n")


if __name__ == "__main__":
    record(HERE / f"{sys.argv[1]}.json", int(sys.argv[2]))
