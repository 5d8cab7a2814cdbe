"""The demo from the first process to the verdict."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from hexi_kit.clock import SystemClock, clock_from
from hexi_kit.ids import seeded
from hexi_kit.kafka.tail import LogTail
from hexi_local import LocalHexi, LocalOptions
from rich.console import Console

from hexi_demo import identities, kills, openb, requests, setup, verdict
from hexi_demo.agents import Agents, Fleet
from hexi_demo.assault import Assault
from hexi_demo.doors import Doors
from hexi_demo.exporter import Exporter
from hexi_demo.live import LiveView
from hexi_demo.load import Load
from hexi_demo.options import DemoOptions
from hexi_demo.pace import Pace
from hexi_demo.province import ALL_SITES
from hexi_demo.settle import resume, settle
from hexi_demo.stage import Stage
from hexi_demo.summary import Summary
from hexi_demo.traders import Traders
from hexi_demo.watch import WATCHED, Watch

SLOT_MS = 900_000
REAL_RUNS_EVERY_S = 2.0


def state_of(options: DemoOptions) -> Path:
    """A folder of the demo's own: what `./task up` keeps is never touched."""
    return options.hexi_state_dir / "demo"


def clock_text(factor: int) -> str:
    """A clock that begins at the next slot and runs `factor` times as fast."""
    now_ms = SystemClock().now_ms()
    return f"scaled:{now_ms}:{-(-now_ms // SLOT_MS) * SLOT_MS}:{factor}"


async def run(
    options: DemoOptions, console: Console, trouble: kills.Trouble | None = None
) -> Summary:
    """Bring the province up, work it, hurt it, stop it, judge it."""
    began_s = SystemClock().real_monotonic_s()
    state_dir = state_of(options)
    shutil.rmtree(state_dir, ignore_errors=True)
    trouble = trouble or kills.Trouble()
    local = LocalOptions(
        state_dir=state_dir,
        clock=clock_text(options.factor),
        environments=trouble.environments(),
    )
    watch = Watch()
    async with AsyncExitStack() as stack:
        view = stack.enter_context(LiveView(console, watch))
        view.say("starting a broker, a database and six services …")
        hexi = await stack.enter_async_context(LocalHexi(local))
        cast = identities.issue(state_dir / "pki")
        doors = Doors(hexi.addresses, cast, stack)
        tail = LogTail(hexi.kafka, cast.of("supervisor"), WATCHED, watch.apply)
        await stack.enter_async_context(tail.followed())
        exporter = Exporter(clock_from(local.clock))
        await exporter.serve(stack)
        agents = Agents(hexi, state_dir, _fleet(options), exporter)
        stage = Stage(options, hexi, doors, cast, view, watch, agents)
        await _open_province(stage)
        load = Load(doors, _submissions(options), options.rate)
        traders = Traders(doors, seeded(options.seed + 1))
        assault = Assault(stage)
        pace = Pace(options.duration)
        async with asyncio.TaskGroup() as group:
            group.create_task(view.run(pace))
            group.create_task(load.run(pace))
            group.create_task(_real_runs(load, pace, options.seed))
            group.create_task(traders.run(pace))
            group.create_task(assault.run(pace))
            killed = group.create_task(kills.kill(hexi, pace, view, trouble))
        view.say("load is over; letting everything come to rest …")
        await settle(stage)
        view.say("reading the logs and the database …")
        summary = await verdict.judge(stage, load.acknowledged, assault)
        summary.figures |= _figures(stage, began_s, load, traders, killed.result())
        if options.keep:
            summary.print_to(console)
            await _keep(stage, console)
    return summary


async def _open_province(stage: Stage) -> None:
    """Admit the sites, open accounts, start the agents."""
    stage.view.say("admitting seven data centres and opening accounts …")
    await setup.admit_sites(stage.doors, stage.options.servers, ALL_SITES)
    await setup.open_accounts(stage.doors)
    stage.view.say(f"starting seven agents for {stage.options.servers:,} servers …")
    await stage.agents.start()


def _fleet(options: DemoOptions) -> Fleet:
    models = openb.models(options.trace) if options.trace else []
    return Fleet(options.servers, options.seed, models)


def _submissions(options: DemoOptions) -> Iterator[requests.Submission]:
    rng = seeded(options.seed)
    if options.trace is not None:
        return openb.submissions(options.trace, rng)
    return requests.generated(rng)


async def _real_runs(load: Load, pace: Pace, seed: int) -> None:
    """Now and then, a process that really runs on this machine."""
    rng = seeded(seed + 2)
    number = 0
    async for _ in pace.beats(REAL_RUNS_EVERY_S):
        number += 1
        await load.submit([requests.on_this_machine(number, rng)], f"real-{number}")


def _figures(
    stage: Stage, began_s: float, load: Load, traders: Traders, killed: list[kills.Killed]
) -> dict[str, int | float | str]:
    """What the run looked like from outside."""
    watch = stage.watch
    found: dict[str, int | float | str] = {
        "servers": stage.options.servers,
        "load, seconds": stage.options.duration,
        "seed": stage.options.seed,
        "submissions acknowledged": len(load.acknowledged),
        "submissions sent again": load.retries,
        "orders placed": traders.placed,
        "orders refused": sum(traders.refused.values()),
    }
    if watch.first_placement_s is not None:
        found["first placement after, seconds"] = round(watch.first_placement_s - began_s, 1)
    found["restarts"] = sum(stage.hexi.restarts.values())
    for one in killed:
        found[f"{one.name} killed, back after, ms"] = one.back_ms
    return found


async def _keep(stage: Stage, console: Console) -> None:
    """Leave everything running until somebody presses Ctrl-C."""
    await resume(stage)
    where = state_of(stage.options)
    console.print(
        f"still running; in another shell: hexi --state-dir {where} --as soc incident list"
    )
    await asyncio.Event().wait()
