"""`./task replay`: what was decided is decided again, and compared byte by byte."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from hexi_kit.errors import InvalidArgument
from hexi_local.options import LocalOptions
from hexi_local.state import StateInUse
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hexi_sim.replay.broker_log import open_local
from hexi_sim.replay.day import Choice, day_of, replay
from hexi_sim.replay.history import History, SegmentFolder, export
from hexi_sim.replay.rerun import Outcome


def read(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./task replay --", description=__doc__)
    parser.add_argument("--day", default="", help="2026-11-21, a day in Shanghai; default: all")
    parser.add_argument("--partition", type=int, help="this partition alone")
    parser.add_argument("--stage", choices=("route", "place"), help="this stage alone")
    parser.add_argument("--from", dest="source", type=Path, help="a folder --export has filled")
    parser.add_argument("--export", type=Path, help="keep the logs in this folder; replay nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object a partition")
    chosen = parser.parse_args(argv)
    if chosen.export is not None:
        chosen.export.mkdir(parents=True, exist_ok=True)
    return chosen


@asynccontextmanager
async def opened(source: Path | None) -> AsyncIterator[History]:
    """The logs of a folder, or those of the state directory's broker."""
    if source is not None:
        yield SegmentFolder(source)
        return
    async with open_local(LocalOptions.from_environment()) as history:
        yield history


async def run(chosen: argparse.Namespace, console: Console) -> int:
    """Exit code 1 with the first difference explained."""
    async with opened(chosen.source) as history:
        if chosen.export is not None:
            for name, count in (await export(history, chosen.export)).items():
                console.print(f"{name}: {count} records")
            return 0
        choice = Choice(day_of(chosen.day), chosen.partition, chosen.stage)
        outcomes: list[Outcome] = []
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=chosen.json,
        ) as bar:
            task = bar.add_task("journal records", total=0)
            async for outcome in replay(
                history,
                choice,
                lambda more: bar.update(task, total=(bar.tasks[task].total or 0) + more),
                lambda done: bar.advance(task, done),
            ):
                outcomes.append(outcome)
                if chosen.json:
                    sys.stdout.write(json.dumps(dataclasses.asdict(outcome)) + "\n")
                if outcome.difference is not None:
                    break
    return verdict(outcomes, console, quiet=chosen.json)


def verdict(outcomes: Sequence[Outcome], console: Console, quiet: bool) -> int:
    differences = [o.difference for o in outcomes if o.difference is not None]
    if not quiet:
        for difference in differences:
            console.print(str(difference), markup=False, highlight=False)
        compared = sum(o.compared for o in outcomes)
        fences = sum(o.fences for o in outcomes)
        given = sum(o.records - o.compared for o in outcomes) - fences
        console.print(
            f"{compared} records decided again over {fences} fences, {given} taken as given, "
            f"{sum(o.beyond for o in outcomes)} commands beyond the journal; "
            + ("a difference" if differences else "not one byte differs")
        )
    return 1 if differences else 0


def main(argv: Sequence[str]) -> int:
    console = Console(stderr=False)
    try:
        return asyncio.run(run(read(argv), console))
    except (InvalidArgument, StateInUse) as error:
        console.print(str(error), markup=False)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
