"""Goal: whatever process dies wherever it commits, the counts of the province still add up.

Method: a small province with real servers, agents and traders; processes die at named points in
every life they get; then the audit reads the logs and the database. The short form is one run in
which each service dies somewhere; the long form (HEXI_CHAOS=long) takes each point alone.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hexi_demo.kills import Trouble
from hexi_demo.options import DemoOptions
from hexi_demo.run import run
from rich.console import Console

LONG = os.environ.get("HEXI_CHAOS") == "long"
SEED = int(os.environ.get("HEXI_SEED", "1"))
EVERYBODY = {
    "telemetry": "telemetry.after_log:40",
    "scheduler-worker": "scheduler.after_place_append:60",
    "marketplace": "marketplace.after_hold:12",
    "settlement": "settlement.before_commit:60",
    "security-monitor": "security_monitor.after_observe:2",
}
EACH = [
    (process, f"{point}:{nth}")
    for process, points in {
        "telemetry": {
            "telemetry.before_log": 40,
            "telemetry.after_log": 40,
            "telemetry.after_ledger": 40,
        },
        "scheduler-worker": {
            "scheduler.before_route_append": 60,
            "scheduler.after_route_append": 60,
            "scheduler.after_route_owed": 60,
            "scheduler.before_place_append": 60,
            "scheduler.after_place_append": 60,
            "scheduler.after_place_owed": 60,
        },
        "marketplace": {
            "marketplace.before_hold": 12,
            "marketplace.after_hold": 12,
            "marketplace.before_order": 12,
            "marketplace.after_order": 12,
        },
        "settlement": {
            "settlement.before_commit": 60,
            "settlement.after_commit": 60,
            "outbox.after_publish": 30,
        },
        "security-monitor": {
            "security_monitor.before_observe": 2,
            "security_monitor.after_observe": 2,
        },
    }.items()
    for point, nth in points.items()
]


async def judged(faults: dict[str, str]) -> None:
    console = Console(width=160)
    # Not pytest's own folder: the database runs as another user, who may not look into that.
    with tempfile.TemporaryDirectory() as folder:
        options = DemoOptions(
            servers=240, duration=30, rate=20, seed=SEED, hexi_state_dir=Path(folder)
        )
        summary = await run(options, console, Trouble(kills=(), faults=faults))

    summary.print_to(console)
    assert summary.figures["restarts"] >= 1, "no process died: the run proves nothing"
    assert summary.passed


@pytest.mark.integration
@pytest.mark.skipif(LONG, reason="the long form takes each point alone")
@pytest.mark.timeout(400)
async def test_everybody_dies_somewhere():
    await judged(EVERYBODY)


@pytest.mark.integration
@pytest.mark.skipif(not LONG, reason="the short form is one run: ./task chaos takes each point")
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("process", "plan"), EACH, ids=[plan for _, plan in EACH])
async def test_one_dies_at_one_point(process, plan):
    await judged({process: plan})
