"""Goal: what dies comes back, later each time, and is forgiven when steady. Method: a unit that
ends on command, and time that moves by hand."""

import asyncio

import pytest
from hexi_kit.testing.clock import ManualClock
from hexi_local.child import ChildFailed
from hexi_local.keeper import BACKOFF_FIRST_S, BACKOFF_LAST_S, STEADY_AFTER_S, Keeper, State


class Sleeps(ManualClock):
    """Time that passes at once, and a list of how long was slept."""

    def __init__(self) -> None:
        super().__init__(0)
        self.slept_s: list[float] = []
        self.now_s = 0.0

    def real_monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        await asyncio.sleep(0)


class Puppet:
    """A process that runs until it is told to end."""

    pid = 2**22 + 1  # beyond any number the kernel gives

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def wait(self) -> int:
        await self.ended.wait()
        return -9


class PuppetUnit:
    """A unit whose starts fail as often as asked."""

    name = "puppet"

    def __init__(self, failures: int = 0) -> None:
        self.child: Puppet | None = None
        self.on_spawn = lambda: None
        self.failures = failures
        self.starts = 0

    async def start(self) -> None:
        self.starts += 1
        self.child = Puppet()
        if self.failures:
            self.failures -= 1
            self.child.ended.set()
            raise ChildFailed("puppet ended before it was ready")

    async def stop(self) -> None:
        if self.child is not None:
            self.child.ended.set()


def keeper_of(unit: PuppetUnit, clock: Sleeps) -> Keeper:
    return Keeper(unit, clock, lambda: None)  # type: ignore[arg-type]  # a puppet for a process


async def test_each_death_waits_twice_as_long_up_to_a_limit() -> None:
    unit, clock = PuppetUnit(), Sleeps()
    keeper = keeper_of(unit, clock)
    await keeper.start()

    for death in range(1, 9):
        assert unit.child is not None
        unit.child.ended.set()
        await keeper.until_ready(restarts_min=death)

    assert clock.slept_s[:3] == [BACKOFF_FIRST_S, 2 * BACKOFF_FIRST_S, 4 * BACKOFF_FIRST_S]
    assert clock.slept_s[-1] == BACKOFF_LAST_S
    assert keeper.restarts == 8
    await keeper.stop()
    assert keeper.state is State.STOPPED


async def test_a_steady_process_is_forgiven_its_past() -> None:
    unit, clock = PuppetUnit(), Sleeps()
    keeper = keeper_of(unit, clock)
    await keeper.start()
    for death in range(1, 4):
        assert unit.child is not None
        unit.child.ended.set()
        await keeper.until_ready(restarts_min=death)

    clock.now_s += STEADY_AFTER_S
    unit.child.ended.set()
    await keeper.until_ready(restarts_min=4)

    assert clock.slept_s[-1] == BACKOFF_FIRST_S
    assert keeper.restarts == 4
    await keeper.stop()


async def test_a_first_start_is_tried_a_few_times_and_then_told() -> None:
    late, never = PuppetUnit(failures=2), PuppetUnit(failures=100)

    await keeper_of(late, Sleeps()).start()
    with pytest.raises(ChildFailed):
        await keeper_of(never, Sleeps()).start()

    assert late.starts == never.starts == 3


async def test_a_failed_restart_is_tried_for_ever() -> None:
    unit, clock = PuppetUnit(), Sleeps()
    keeper = keeper_of(unit, clock)
    await keeper.start()

    assert unit.child is not None
    unit.failures = 20
    unit.child.ended.set()
    await keeper.until_ready(restarts_min=21)

    assert unit.starts == 22
    await keeper.stop()
