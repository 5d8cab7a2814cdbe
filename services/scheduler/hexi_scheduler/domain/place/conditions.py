"""Telemetry thresholds with hysteresis: which servers enter or leave HOT, OVER_POWER, SILENT."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.facts import JUDGED, Condition

Flags = NDArray[np.bool_]
Values = NDArray[np.float32]


class ConditionRules(NamedTuple):
    """Dated thresholds; shares of the power limit are in thousandths."""

    effective_from: str
    hot_on_c: int
    hot_off_c: int
    warm_on_c: int
    warm_off_c: int
    over_power_on_milli: int
    over_power_off_milli: int
    silent_periods: int
    site_silent_ms: int
    site_lost_ms: int = 0  # 0: silence alone loses no site
    rack_power_told_milli: int = 50  # of the limit: what moves by less is not told


class Readings(NamedTuple):
    """One frame of a site: servers first … first + count - 1; None where it has no column."""

    first_server: int
    good: Flags
    inlet_c: Values | None
    power_w: Values | None
    observed_at_ms: int
    period_ms: int


class Change(NamedTuple):
    """Servers that entered (active) or left a condition."""

    condition: Condition
    active: bool
    servers: tuple[int, ...]
    evidence: str


class Watch:
    """Soft state of one site: when each server was last heard, and what it is in."""

    def __init__(self, rules: ConditionRules, limits_w: Sequence[int]) -> None:
        self._rules = rules
        self._limits_w = np.array(limits_w, dtype=np.float32)
        count = len(limits_w)
        self._heard_ms = np.zeros(count, dtype=np.int64)
        self._period_ms = 0
        self._in = {condition: np.zeros(count, dtype=np.bool_) for condition in JUDGED}

    def starts_with(self, condition: Condition, servers: Iterable[int]) -> None:
        """What PLACE holds to be out."""
        inside = self._in[condition]
        inside[:] = False
        inside[[server for server in servers if server < len(inside)]] = True

    def hear(self, frame: Readings) -> list[Change]:
        """Judge one frame; what goes beyond the known servers is left out."""
        first = frame.first_server
        count = min(len(frame.good), max(0, len(self._heard_ms) - first))
        good = frame.good[:count]
        span = slice(first, first + count)
        if not self._period_ms:
            # Silence counts from the first word of the site on.
            self._heard_ms[:] = frame.observed_at_ms
        self._period_ms = max(1, frame.period_ms)
        heard = self._heard_ms[span]
        np.maximum(heard, frame.observed_at_ms, out=heard, where=good)
        changes = self._change(Condition.SILENT, span, ~good & False, good, "a good reading came")
        rules = self._rules
        if frame.inlet_c is not None:
            inlet = frame.inlet_c[:count]
            for condition, on_c, off_c in (
                (Condition.HOT, rules.hot_on_c, rules.hot_off_c),
                (Condition.WARM, rules.warm_on_c, rules.warm_off_c),
            ):
                over, under = good & (inlet > on_c), good & (inlet < off_c)
                changes += self._change(condition, span, over, under, f"inlet over {on_c} C")
        if frame.power_w is not None:
            milli = frame.power_w[:count] * 1_000
            limit = self._limits_w[span]
            judged = good & (limit > 0)
            over = judged & (milli > limit * rules.over_power_on_milli)
            under = judged & (milli < limit * rules.over_power_off_milli)
            changes += self._change(
                Condition.OVER_POWER, span, over, under, "power over the limit of the server"
            )
        return changes

    def look(self, now_ms: int) -> list[Change]:
        """Who has not been heard for too long.

        A server is measured against the newest frame of its site: when we are late to read, none of
        them is silent. Only when the whole site is not heard for long does the clock decide.
        """
        if not self._period_ms:
            return []
        periods = self._rules.silent_periods
        newest_ms = int(self._heard_ms.max(initial=0))
        site_silent_ms = max(periods * self._period_ms, self._rules.site_silent_ms)
        silent = newest_ms - self._heard_ms > periods * self._period_ms
        if now_ms - newest_ms > site_silent_ms:
            silent[:] = True
        everyone = slice(0, len(silent))
        return self._change(
            Condition.SILENT,
            everyone,
            silent,
            silent & False,
            f"no good reading for {periods} periods",
        )

    @property
    def newest_ms(self) -> int:
        """When the site was heard last; 0: never."""
        return int(self._heard_ms.max(initial=0))

    def lost_since_ms(self, heard_ms: int) -> int:
        """When the site was heard last, if others were heard so much later that it is gone; else 0.

        Where no site is heard it is we who are deaf.
        """
        newest_ms, lost_ms = self.newest_ms, self._rules.site_lost_ms
        return newest_ms if lost_ms and newest_ms and heard_ms - newest_ms > lost_ms else 0

    def _change(
        self, condition: Condition, span: slice, on: Flags, off: Flags, evidence: str
    ) -> list[Change]:
        inside = self._in[condition][span]
        entered, left = on & ~inside, off & inside
        inside |= entered
        inside &= ~left
        return [
            Change(condition, active, tuple((np.flatnonzero(who) + span.start).tolist()), evidence)
            for active, who in ((True, entered), (False, left))
            if who.any()
        ]
