"""Racks and sites as telemetry tells of them: only what moved, only what was heard in full."""

from __future__ import annotations

import numpy as np
import pytest
from hexi.scheduler.v1 import place_pb2
from hexi_kit.errors import Poison
from hexi_kit.kafka.deadletter import DeadLetterBudget, DeadLetters
from hexi_kit.testing.clock import ManualClock
from hexi_scheduler.domain.closures import Drain, RackPower, SiteLoss
from hexi_scheduler.domain.facts import Server, ServerSet
from hexi_scheduler.domain.layout import Layout
from hexi_scheduler.domain.place.closure_commands import DeclareLoss, DirectDrain, MeasureRacks
from hexi_scheduler.domain.place.conditions import Readings
from hexi_scheduler.domain.place.rack_watch import RackWatch
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.settings import condition_rules
from hexi_scheduler.stream.conditions import Conditions
from hexi_scheduler.wire.closures import said_of_closure
from hexi_scheduler.wire.place_commands import command
from hexi_scheduler.wire.workload import WorkloadReader

LIMITS = (("r0", 1_000), ("r1", 2_000))
FLEET = ServerSet(
    1,
    tuple(Server(rack, "general", "fleet", 1, 1, 0) for rack in ("r0", "r0", "r1", "r2")),
    rack_limits_w=LIMITS,
)


class Log:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.events = []

    async def send_all(self, events) -> None:
        self.events += events


def frame(power: list[float], good: list[bool] | None = None, first: int = 0) -> Readings:
    watts = np.array(power, np.float32)
    return Readings(first, np.array(good or [True] * len(power)), None, watts, 0, 10_000)


def test_racks_are_told_once_heard_in_full_and_again_when_they_moved() -> None:
    watch = RackWatch(Layout(FLEET), (), 50)

    watch.hear(frame([100.0]))
    assert watch.look(1) is None
    watch.hear(frame([100.0, 150.0, 700.0, 9_999.0]))
    assert watch.look(2) == MeasureRacks((RackPower("r0", 250), RackPower("r1", 700)), 2)
    assert watch.look(3) is None
    watch.hear(frame([149.0, 150.0, 799.0]))
    assert watch.look(4) is None
    watch.hear(frame([150.0, 150.0, 0.0], [True, True, False]))
    assert watch.look(5) == MeasureRacks((RackPower("r0", 300),), 5)


def test_what_place_knows_already_is_not_told_again() -> None:
    watch = RackWatch(Layout(FLEET), (RackPower("r0", 250),), 50)
    watch.hear(frame([100.0, 160.0, 700.0]))

    assert watch.look(1) == MeasureRacks((RackPower("r1", 700),), 1)


@pytest.mark.parametrize(
    "said",
    [
        DirectDrain(Drain("d", ("r0",), (1, 2), 7, "why"), active=True),
        DirectDrain(Drain("d"), active=False),
        DeclareLoss(SiteLoss(5, declared=True, reason="flood"), active=True),
        MeasureRacks((RackPower("r0", 3), RackPower("r1", 0)), 9),
    ],
)
def test_commands_read_back_as_they_were_said(said) -> None:
    told = said_of_closure("s", said, ManualClock().now_ms())

    assert command(told, WorkloadReader()) == said


@pytest.mark.parametrize(
    "message",
    [
        place_pb2.SiteCommand(drain=place_pb2.DrainRequested(active=True)),
        place_pb2.SiteCommand(rack_power=place_pb2.RackPowerMeasured(racks=["r0"])),
    ],
)
def test_commands_that_cannot_be_meant_are_poison(message) -> None:
    with pytest.raises(Poison):
        command(message, WorkloadReader())


async def test_a_silent_site_is_lost_only_while_others_are_heard() -> None:
    rules = condition_rules()
    sites = {name: Site(name) for name in ("near", "far")}
    for site in sites.values():
        site.apply(FLEET)
    letters = DeadLetters({}, "g", Log(), ManualClock(), DeadLetterBudget())
    watch = Conditions(rules, Log(), letters, ManualClock(), sites.get)

    def hear(name: str, at_ms: int) -> None:
        watch.watch(sites[name], FLEET)[0].hear(frame([1.0] * 4)._replace(observed_at_ms=at_ms))

    def lost(at_ms: int) -> list[tuple[str, bool]]:
        said = watch.look(at_ms)
        return [(name, what.active) for name, what in said if isinstance(what, DeclareLoss)]

    for name in sites:
        hear(name, 1_000)
    late_ms = 1_001 + rules.site_lost_ms
    assert not lost(late_ms * 2)
    hear("near", late_ms)
    assert lost(late_ms) == [("far", True)]
    sites["far"].keeping.loss = SiteLoss(1_000, declared=False)
    assert not lost(late_ms)
    hear("far", late_ms)
    assert lost(late_ms) == [("far", False)]
