"""Everything up, no load: processor and memory of all processes together."""

from __future__ import annotations

import asyncio

import psutil
from hexi_kit.clock import SystemClock

from tests.bench.figures import show
from tests.bench.province import Province, running

SETTLE_S, MEASURED_S = 20.0, 60.0


def processes(province: Province) -> dict[str, list[psutil.Process]]:
    """Each supervised process with its children, and the supervisor itself."""
    found = {"supervisor": [psutil.Process()]}
    for name, pid in province.hexi.pids.items():
        root = psutil.Process(pid)
        found[name] = [root, *root.children(recursive=True)]
    return found


def busy_s(found: list[psutil.Process]) -> float:
    return sum(sum(p.cpu_times()[:2]) for p in found)


async def run() -> None:
    clock = SystemClock()
    async with running(None) as province:
        await clock.sleep(SETTLE_S)
        found = processes(province)
        before = {name: busy_s(p) for name, p in found.items()}
        began_s = clock.real_monotonic_s()
        await clock.sleep(MEASURED_S)
        elapsed_s = clock.real_monotonic_s() - began_s
        cores = {name: (busy_s(p) - before[name]) / elapsed_s for name, p in found.items()}
        # Proportional share: what several processes map together counts once.
        memory = {name: sum(p.memory_full_info().pss for p in ps) for name, ps in found.items()}
    mib = {name: value / 2**20 for name, value in memory.items()}
    parts = {name: [round(cores[name], 3), round(mib[name])] for name in sorted(cores)}
    show("idle.cores", sum(cores.values()), "cores", of_each=parts)
    show("idle.memory", sum(mib.values()) / 1024, "GiB")


def main() -> None:
    asyncio.run(run())
