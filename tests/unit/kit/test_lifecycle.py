"""Goal: start in order, stop in reverse, and no part can keep a process alive. Method: parts
that write down what happened to them."""

import asyncio
import os
import signal

import pytest
from hexi_kit.lifecycle import Lifecycle


class Diary:
    def __init__(self, lifecycle: Lifecycle) -> None:
        self.lines: list[str] = []
        self._lifecycle = lifecycle

    def part(self, name: str) -> None:
        async def start() -> None:
            self.lines.append(f"+{name}")

        async def stop() -> None:
            self.lines.append(f"-{name}")

        self._lifecycle.add(name, start, stop)


async def test_parts_stop_in_reverse_on_a_signal() -> None:
    lifecycle = Lifecycle()
    diary = Diary(lifecycle)
    diary.part("pool")
    diary.part("rpc")
    running = asyncio.create_task(lifecycle.run_until_signal())
    await lifecycle.readiness.changed()
    assert lifecycle.readiness

    os.kill(os.getpid(), signal.SIGTERM)

    assert await running == 0
    assert diary.lines == ["+pool", "+rpc", "-rpc", "-pool"]
    assert not lifecycle.readiness


async def test_a_crashed_background_task_ends_the_process_with_1() -> None:
    lifecycle = Lifecycle()
    diary = Diary(lifecycle)
    diary.part("pool")

    async def relay() -> None:
        raise ConnectionError("broker away")

    lifecycle.add_background("relay", relay)

    assert await lifecycle.run_until_signal() == 1
    assert diary.lines == ["+pool", "-pool"]


async def test_a_background_task_that_just_returns_is_a_crash_too() -> None:
    lifecycle = Lifecycle()

    async def relay() -> None:
        return

    lifecycle.add_background("relay", relay)

    assert await lifecycle.run_until_signal() == 1


async def test_a_part_that_cannot_start_undoes_what_had_started() -> None:
    lifecycle = Lifecycle()
    diary = Diary(lifecycle)
    diary.part("pool")

    async def broken() -> None:
        raise OSError("port taken")

    lifecycle.add("rpc", broken)
    diary.part("never")

    with pytest.raises(OSError, match="port taken"):
        await lifecycle.run_until_signal()
    assert diary.lines == ["+pool", "-pool"]


async def test_a_part_that_hangs_while_stopping_is_left_behind() -> None:
    lifecycle = Lifecycle()
    diary = Diary(lifecycle)
    diary.part("pool")

    async def hang() -> None:
        await asyncio.Event().wait()

    lifecycle.add("rpc", None, hang, stop_timeout_s=0.01)
    lifecycle.end()

    assert await lifecycle.run_until_signal() == 0
    lifecycle_again = Lifecycle()
    lifecycle_again.add("rpc", None, hang, stop_timeout_s=0.01)
    running = asyncio.create_task(lifecycle_again.run_until_signal())
    await lifecycle_again.readiness.changed()
    lifecycle_again.end()
    assert await running == 0


async def test_a_part_that_fails_while_stopping_does_not_keep_the_others() -> None:
    lifecycle = Lifecycle()
    diary = Diary(lifecycle)
    diary.part("pool")

    async def fail() -> None:
        raise RuntimeError("already closed")

    lifecycle.add("rpc", None, fail)
    running = asyncio.create_task(lifecycle.run_until_signal())
    await lifecycle.readiness.changed()
    lifecycle.end()

    assert await running == 0
    assert diary.lines == ["+pool", "-pool"]


async def test_a_part_that_waits_for_a_crashed_one_does_not_keep_the_process() -> None:
    lifecycle = Lifecycle()
    never = asyncio.Event()

    async def crash() -> None:
        raise RuntimeError("away")

    lifecycle.add_background("follower", crash)
    lifecycle.add("caught up", never.wait)

    async with asyncio.timeout(5):
        assert await lifecycle.run_until_signal() == 1
    assert not lifecycle.readiness
