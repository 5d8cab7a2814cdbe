"""Named places where a process can be told to die, to prove that nothing is lost there."""

from __future__ import annotations

import os
import signal
from collections import Counter

VARIABLE = "HEXI_FAULTS"


def planned(text: str) -> dict[str, int]:
    """Read `point:nth[,point:nth]`: the process dies at the nth passing of the point."""
    plan = {}
    for entry in filter(None, text.split(",")):
        name, _, nth = entry.rpartition(":")
        if not name or not nth.isdigit() or int(nth) < 1:
            raise ValueError(f"{VARIABLE}: expected point:nth, was {entry!r}")
        plan[name] = int(nth)
    return plan


_plan = planned(os.environ.get(VARIABLE, ""))
_passed: Counter[str] = Counter()


def point(name: str) -> None:
    """Pass a named point; free when nothing is planned."""
    if _plan and name in _plan:
        _passed[name] += 1
        if _passed[name] == _plan[name]:
            os.kill(os.getpid(), signal.SIGKILL)
