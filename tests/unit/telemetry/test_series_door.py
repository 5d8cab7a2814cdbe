"""Goal: who looks gets what was asked, or one sentence for each thing that is wrong; watchers get
the newest picture. Method: the servicer alone, on a store that answers from a list."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hexi.telemetry.v1 import series_service_pb2 as pb
from hexi_kit.errors import InvalidArgument, NotFound, PermissionDenied, ResourceExhausted
from hexi_kit.identity import Principal
from hexi_kit.rpc.context import set_principal
from hexi_kit.testing.clock import ManualClock
from hexi_telemetry.api import series as door
from hexi_telemetry.api.series import SeriesNeeds, SeriesServicer
from hexi_telemetry.domain.facts import ServerSetFacts, SiteFacts
from hexi_telemetry.domain.frame import Frame, Metric
from hexi_telemetry.domain.live import Live
from hexi_telemetry.domain.points import NO_READINGS, Readings
from hexi_telemetry.domain.series import DAY_MS, MINUTE_MS
from hexi_telemetry.handlers.look import Board
from hexi_telemetry.handlers.sites import KnownSites
from hexi_telemetry.ports.series import Scope, Unit

START_MS = 1_800_000_000_000 // MINUTE_MS * MINUTE_MS
OPERATOR = Principal("operator", "1")
AGENT = Principal("agent", "1", "lanzhou")
TEAM = Principal("tenant", "1", "university")
SET = ServerSetFacts("lanzhou", 1, ("r1", "r2"), (0, 0, 1))


@dataclass
class Kept:
    """Answers as a store would whose every minute of every scope says 250."""

    asked: list[tuple[Scope, tuple[int, int]]] = field(default_factory=list)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.let_go.set()

    async def units(self, scope: Scope, between_ms: tuple[int, int]) -> list[Unit]:
        return [Unit(1, 0, 3)]

    async def readings(
        self, scope: Scope, metric: Metric, units: Sequence[Unit], between_ms: tuple[int, int]
    ) -> Readings:
        self.asked.append((scope, between_ms))
        await self.let_go.wait()
        start_ms = np.arange(*between_ms, MINUTE_MS, dtype=np.int64)
        if not start_ms.size:
            return NO_READINGS
        same = np.full(start_ms.size, 250.0)
        return Readings(
            start_ms, np.full_like(start_ms, 3), same.astype(int) * 600, same, same, same
        )


@dataclass
class World:
    live: Live
    kept: Kept
    clock: ManualClock
    door: SeriesServicer

    async def ask(self, principal: Principal = OPERATOR, **changed: object):
        told = {
            "site_id": "lanzhou",
            "metric": 1,
            "from_ms": START_MS,
            "to_ms": START_MS + DAY_MS,
        }
        set_principal(principal)
        request = pb.QuerySeriesRequest(**{**told, **changed})
        return (await self.door.QuerySeries(request, None)).series

    def watch(self, principal: Principal = OPERATOR, **told: object):
        set_principal(principal)
        return self.door.WatchSites(pb.WatchSitesRequest(**told), None)


@pytest.fixture
async def world() -> World:
    known, live, kept, clock = KnownSites(), Live(), Kept(), ManualClock(START_MS)
    await known.hear([SiteFacts("lanzhou", True, frozenset())], [SET])
    needs = SeriesNeeds(kept, known, Board(live, clock), clock)
    return World(live, kept, clock, SeriesServicer(needs))


def power(second: int, watts: float) -> Frame:
    columns = {Metric.POWER_W: np.full(2, watts, np.float32)}
    at_ms = START_MS + second * 1_000
    return Frame("lanzhou", "1", 1, 1, 1, at_ms, 10_000, 0, 2, columns, None, 0, 0, b"", b"")


async def test_a_day_is_a_thousand_points_when_nobody_says_otherwise(world: World) -> None:
    series = await world.ask()

    assert series.step_ms == 2 * MINUTE_MS
    assert len(series.mean) == len(series.revision) == 720
    assert set(series.mean) == {250.0}
    assert set(series.coverage_ppm) == {833_333}


async def test_a_long_range_is_read_day_by_day(world: World) -> None:
    await world.ask(to_ms=START_MS + 30 * DAY_MS, step_ms=DAY_MS)

    assert len(world.kept.asked) == 30


@pytest.mark.parametrize(
    ("changed", "field", "text"),
    [
        ({"site_id": ""}, "site_id", "identifier"),
        ({"metric": 0}, "metric", "known"),
        ({"metric": 99}, "metric", "known"),
        ({"from_ms": START_MS + 1}, "from_ms", "whole minutes"),
        ({"from_ms": -MINUTE_MS}, "from_ms", "whole minutes"),
        ({"to_ms": START_MS}, "to_ms", "expected"),
        ({"to_ms": START_MS + 32 * DAY_MS}, "to_ms", "expected"),
        ({"step_ms": 1}, "step_ms", "whole minutes"),
        ({"step_ms": -MINUTE_MS}, "step_ms", "whole minutes"),
        ({"to_ms": START_MS + 8 * DAY_MS, "step_ms": MINUTE_MS}, "step_ms", "at least 120000"),
        ({"rack": ""}, "rack", "characters"),
    ],
)
async def test_a_wrong_question_is_told_field_by_field(
    world: World, changed: dict, field: str, text: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await world.ask(**changed)

    assert (field, True) in [(v.field, text in v.reason) for v in caught.value.violations]


@pytest.mark.parametrize(
    ("changed", "kind"),
    [({"site_id": "atlantis"}, "site"), ({"rack": "r9"}, "rack"), ({"server": 3}, "server")],
)
async def test_what_there_is_not_is_not_found(world: World, changed: dict, kind: str) -> None:
    with pytest.raises(NotFound) as caught:
        await world.ask(**changed)

    assert caught.value.kind == kind


async def test_a_server_is_asked_for_with_its_rack(world: World) -> None:
    await world.ask(server=2)

    assert world.kept.asked[0][0] == Scope("lanzhou", "r2", 2)


async def test_an_agent_sees_its_own_site_and_a_team_whole_sites(world: World) -> None:
    await world.ask(AGENT, server=0)
    await world.ask(TEAM)

    with pytest.raises(PermissionDenied, match="own-site"):
        await world.ask(AGENT, site_id="qingyang")
    with pytest.raises(PermissionDenied, match="whole-sites"):
        await world.ask(TEAM, rack="r1")
    with pytest.raises(PermissionDenied, match="own-site"):
        await anext(world.watch(AGENT, site_ids=["lanzhou", "qingyang"]))


async def test_a_watcher_who_reads_slowly_gets_the_newest(world: World) -> None:
    world.live.hear(power(1, 100.0), SET)
    watching = world.watch(interval_ms=1_000)
    first = await anext(watching)
    for second in range(2, 20):
        world.clock.advance(1_000)
        world.live.hear(power(second, 100.0 * second), SET)

    reading = asyncio.ensure_future(anext(watching))
    await world.clock.until_sleepers(1)
    world.clock.advance(1_000)
    second = await reading

    assert first.sites[0].it_power_w == 200
    assert second.sites[0].it_power_w == 2 * 1_900
    assert list(second.sites[0].silent_racks) == ["r2"]
    assert (second.province.servers, second.province.coverage_ppm) == (3, 666_666)
    assert not second.sites[0].HasField("pue_milli")
    await watching.aclose()


async def test_a_team_is_not_told_of_racks(world: World) -> None:
    world.live.hear(power(1, 100.0), SET)

    site = (await anext(world.watch(TEAM))).sites[0]

    assert (list(site.silent_racks), site.silent_rack_count, site.servers) == ([], 0, 3)


async def test_questions_take_turns_and_too_many_are_sent_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "QUESTIONS_MAX", 3)
    world.kept.let_go.clear()
    asked = [asyncio.create_task(world.ask()) for _ in range(3)]
    await asyncio.sleep(0)

    with pytest.raises(ResourceExhausted):
        await world.ask()
    assert len(world.kept.asked) == door.QUESTIONS_AT_ONCE
    world.kept.let_go.set()
    await asyncio.gather(*asked)
    await world.ask()


async def test_an_agents_picture_is_of_its_site_alone(world: World) -> None:
    world.live.hear(power(1, 100.0), SET)

    picture = await anext(world.watch(AGENT))

    assert [site.site_id for site in picture.sites] == ["lanzhou"]
    assert not picture.HasField("province")


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"interval_ms": 999}, InvalidArgument),
        ({"site_ids": ["a"] * 1_001}, InvalidArgument),
        ({"site_ids": ["atlantis"]}, NotFound),
    ],
)
async def test_a_wrong_wish_to_watch_is_refused(world: World, told: dict, error: type) -> None:
    with pytest.raises(error):
        await anext(world.watch(**told))


async def test_watchers_are_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "WATCHERS_MAX", 1)
    one = world.watch()
    await anext(one)

    with pytest.raises(ResourceExhausted):
        await anext(world.watch())
    await one.aclose()
    await anext(world.watch())
