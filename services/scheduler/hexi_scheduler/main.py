"""Hangs the doors of the scheduler: `api` for teams and executors, `worker` for decisions."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from importlib import import_module

from hexi_kit.process import prepare
from hexi_kit.settings import load

from hexi_scheduler.settings import SchedulerSettings

ROLES = ("api", "worker")


async def run(role: str, settings: SchedulerSettings) -> int:
    process = prepare("scheduler", settings)
    # By name: each role starts without what only the other one needs.
    import_module(f"hexi_scheduler.{role}_process").hang(process, settings)
    return await process.lifecycle.run_until_signal()


def main(argv: Sequence[str]) -> int:
    if not argv or argv[0] not in ROLES:
        sys.stderr.write(f"expected one of {', '.join(ROLES)}, was {' '.join(argv) or 'nothing'}\n")
        return 2
    return asyncio.run(run(argv[0], load(SchedulerSettings, argv[1:])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
