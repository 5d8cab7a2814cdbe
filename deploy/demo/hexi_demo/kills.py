"""Kills processes with -9 while the province works, and says when each is back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hexi_kit.clock import SystemClock
from hexi_local import LocalHexi

from hexi_demo.live import LiveView
from hexi_demo.pace import Pace

FAULTS = "HEXI_FAULTS"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is done to the processes.

    `kills` are (share of the duration, process); `faults` plans deaths at named points, process by
    process, as `point:nth`: the process dies there in every life it gets.
    """

    kills: Sequence[tuple[float, str]] = ((0.45, "scheduler-worker"), (0.65, "settlement"))
    faults: Mapping[str, str] = field(default_factory=dict)

    def environments(self) -> dict[str, dict[str, str]]:
        return {name: {FAULTS: plan} for name, plan in self.faults.items()}


@dataclass(frozen=True, slots=True)
class Killed:
    """One kill and how long the process was away, real milliseconds."""

    name: str
    back_ms: int


async def kill(hexi: LocalHexi, pace: Pace, view: LiveView, trouble: Trouble) -> list[Killed]:
    """Kill each process of the plan at its share of the duration."""
    clock = SystemClock()
    done = []
    for share, name in trouble.kills:
        await pace.until(share * pace.duration_s)
        pid, restarts = hexi.pids[name], hexi.restarts[name]
        view.say(f"kill -9 {name} (pid {pid})")
        began_s = clock.real_monotonic_s()
        hexi.kill(name)
        await hexi.until_ready(name, restarts + 1)
        away_ms = int(1_000 * (clock.real_monotonic_s() - began_s))
        view.say(f"{name} is back after {away_ms / 1_000:.1f} s (pid {hexi.pids[name]})")
        done.append(Killed(name, away_ms))
    return done
