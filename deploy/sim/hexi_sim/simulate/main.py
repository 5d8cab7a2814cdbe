"""`./task sim -- FILE.yaml`: a province on simulated time, and one page that shows how it went."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hexi_kit.errors import InvalidArgument
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hexi_sim.simulate.fleet import fleet_of
from hexi_sim.simulate.report import page
from hexi_sim.simulate.run import Result, Run
from hexi_sim.simulate.spec import Spec
from hexi_sim.simulate.spec_file import read
from hexi_sim.simulate.summary import summary, table


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./task sim --", description=__doc__)
    parser.add_argument("file", type=Path, help="a simulation file, see deploy/sim/examples")
    parser.add_argument("--report", type=Path, help="where the page goes; default: beside here")
    parser.add_argument("--json", action="store_true", help="one JSON object a policy")
    parser.add_argument("--count", type=int, help="so many arrivals instead of the file's")
    parser.add_argument("--hours", type=float, help="so many hours instead of the file's")
    return parser.parse_args(argv)


async def run_all(spec: Spec, beside: Path, bar: Progress) -> list[Result]:
    """Every policy on the same world."""
    results: list[Result] = []
    fleets = [fleet_of(site, spec.seed, beside) for site in spec.sites]
    for choice in spec.policies:
        task = bar.add_task(choice.name, total=1.0)
        run = Run(spec, fleets, choice, beside)
        results.append(await run.to_the_end(partial(_show, bar, task)))
        bar.update(task, completed=1.0)
    return results


def _show(bar: Progress, task: TaskID, done: int, whole: int) -> None:
    bar.update(task, completed=done / whole)


def main(argv: Sequence[str]) -> int:
    chosen = arguments(argv)
    console = Console()
    try:
        spec = read(chosen.file)
        if chosen.count:
            work = spec.work.model_copy(update={"count": chosen.count})
            spec = spec.model_copy(update={"work": work})
        if chosen.hours:
            spec = spec.model_copy(update={"hours": chosen.hours})
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=chosen.json,
        ) as bar:
            results = asyncio.run(run_all(spec, chosen.file.parent, bar))
    except InvalidArgument as error:
        console.print(str(error), markup=False)
        return 2
    path = chosen.report or Path(f"{spec.name}.html")
    path.write_text(page(spec, results), encoding="utf-8")
    for result in results:
        if chosen.json:
            sys.stdout.write(json.dumps(summary(result)) + "\n")
    if not chosen.json:
        console.print(table(results))
        console.print(f"{path}", highlight=False)
    return 1 if any(result.ledger.wrong for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
