"""Hangs the doors of the scheduler: `api` for teams and executors, `worker` for decisions."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence

from hexi_kit.process import Process, prepare
from hexi_kit.settings import load

from hexi_scheduler import api_process, worker_process
from hexi_scheduler.settings import SchedulerSettings

ROLES: Mapping[str, Callable[[Process, SchedulerSettings], None]] = {
    "api": api_process.hang,
    "worker": worker_process.hang,
}


async def run(role: str, settings: SchedulerSettings) -> int:
    process = prepare("scheduler", settings)
    ROLES[role](process, settings)
    return await process.lifecycle.run_until_signal()


def main(argv: Sequence[str]) -> int:
    if not argv or argv[0] not in ROLES:
        sys.stderr.write(f"expected one of {', '.join(ROLES)}, was {' '.join(argv) or 'nothing'}\n")
        return 2
    return asyncio.run(run(argv[0], load(SchedulerSettings, argv[1:])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
