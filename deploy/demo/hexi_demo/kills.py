"""Kills processes with -9 while the province works, and says when each is back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hexi_kit.clock import SystemClock
from hexi_local import LocalHexi

from hexi_demo.live import LiveView
from hexi_demo.pace import Pace

PLAN: Sequence[tuple[float, str]] = ((0.45, "scheduler-worker"), (0.65, "settlement"))


@dataclass(frozen=True, slots=True)
class Killed:
    """One kill and how long the process was away, real milliseconds."""

    name: str
    back_ms: int


async def kill(hexi: LocalHexi, pace: Pace, view: LiveView) -> list[Killed]:
    """Kill each process of the plan at its share of the duration."""
    clock = SystemClock()
    done = []
    for share, name in PLAN:
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
