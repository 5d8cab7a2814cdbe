"""Times and durations as people type them: 90m, 24h, 7d; 2026-11-21T08:00 in Lanzhou's time."""

from __future__ import annotations

import re
from datetime import datetime

import typer

from hexi_cli.render import SHANGHAI

MINUTE_MS = 60_000
UNITS_MS = {"m": MINUTE_MS, "h": 60 * MINUTE_MS, "d": 1_440 * MINUTE_MS}
_DURATION = re.compile(r"(\d{1,6})([mhd])")


def duration_ms(text: str, option: str) -> int:
    """`5m`, `1h`, `7d`."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise typer.BadParameter(
            f"expected for example 5m, 1h or 7d, was {text!r}", param_hint=option
        )
    return int(found[1]) * UNITS_MS[found[2]]


def moment_ms(text: str, now_ms: int, option: str) -> int:
    """A duration before now, or a time; without an offset it is Asia/Shanghai; whole minutes."""
    if _DURATION.fullmatch(text):
        at_ms = now_ms - duration_ms(text, option)
    else:
        try:
            at = datetime.fromisoformat(text)
        except ValueError as error:
            expected = "expected for example 24h or 2026-11-21T08:00"
            raise typer.BadParameter(f"{expected}, was {text!r}", param_hint=option) from error
        at = at if at.tzinfo is not None else at.replace(tzinfo=SHANGHAI)
        at_ms = int(at.timestamp() * 1_000)
    return at_ms // MINUTE_MS * MINUTE_MS
