"""Telemetry thresholds with hysteresis: which servers enter or leave HOT, OVER_POWER, SILENT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hexi_scheduler.domain.facts import Condition


class ConditionRules(NamedTuple):
    """Dated thresholds; shares of the power limit are in thousandths."""

    effective_from: str
    hot_on_c: float
    hot_off_c: float
    over_power_on_milli: int
    over_power_off_milli: int
    silent_periods: int


class Readings(NamedTuple):
    """One frame of a site: servers first … first + count - 1; None where it has no column."""

    first_server: int
    good: Sequence[bool]
    inlet_c: Sequence[float] | None
    power_w: Sequence[float] | None
    observed_at_ms: int
    period_ms: int


class Change(NamedTuple):
    """Servers that entered (active) or left a condition."""

    condition: Condition
    active: bool
    servers: tuple[int, ...]
    evidence: str


class Watch:
    """Soft state of one site: what each server said last, and what it is in."""

    def __init__(self, rules: ConditionRules) -> None:
        self._rules = rules
        self._last_good_ms: dict[int, int] = {}
        self._period_ms: dict[int, int] = {}
        self._in: dict[Condition, set[int]] = {c: set() for c in Condition}
        self._limits_w: Sequence[int] = ()

    def servers_are(self, power_limits_w: Sequence[int]) -> None:
        """A server set came: its size, and the power limit of each server."""
        self._limits_w = power_limits_w
        count = len(power_limits_w)
        for servers in self._in.values():
            servers.intersection_update(range(count))
        for server in [s for s in self._last_good_ms if s >= count]:
            del self._last_good_ms[server]

    def starts_with(self, condition: Condition, servers: Sequence[int]) -> None:
        """What PLACE holds to be out, after a restart."""
        self._in[condition] = set(servers)

    def hear(self, frame: Readings) -> list[Change]:
        """Judge one frame."""
        good = [frame.first_server + i for i, ok in enumerate(frame.good) if ok]
        for server in good:
            self._last_good_ms[server] = max(
                frame.observed_at_ms, self._last_good_ms.get(server, 0)
            )
            self._period_ms[server] = frame.period_ms
        changes = self._change(Condition.SILENT, set(), set(good), "a good reading came")
        if frame.inlet_c is not None:
            changes += self._judge_heat(frame, frame.inlet_c)
        if frame.power_w is not None:
            changes += self._judge_power(frame, frame.power_w)
        return changes

    def look(self, now_ms: int) -> list[Change]:
        """Who has not been heard for too long."""
        periods = self._rules.silent_periods
        silent = {
            server
            for server, at_ms in self._last_good_ms.items()
            if now_ms - at_ms > periods * self._period_ms[server]
        }
        return self._change(
            Condition.SILENT, silent, set(), f"no good reading for {periods} periods"
        )

    def _judge_heat(self, frame: Readings, inlet_c: Sequence[float]) -> list[Change]:
        rules = self._rules
        on, off = set(), set()
        for i, (ok, celsius) in enumerate(zip(frame.good, inlet_c, strict=False)):
            if ok and celsius > rules.hot_on_c:
                on.add(frame.first_server + i)
            elif ok and celsius < rules.hot_off_c:
                off.add(frame.first_server + i)
        return self._change(Condition.HOT, on, off, f"inlet over {rules.hot_on_c} C")

    def _judge_power(self, frame: Readings, power_w: Sequence[float]) -> list[Change]:
        rules = self._rules
        on, off = set(), set()
        limits = self._limits_w[frame.first_server :]
        for i, (ok, watts, limit) in enumerate(zip(frame.good, power_w, limits, strict=False)):
            if not ok or not limit:
                continue
            if watts * 1_000 > limit * rules.over_power_on_milli:
                on.add(frame.first_server + i)
            elif watts * 1_000 < limit * rules.over_power_off_milli:
                off.add(frame.first_server + i)
        return self._change(Condition.OVER_POWER, on, off, "power over its limit")

    def _change(
        self, condition: Condition, on: set[int], off: set[int], evidence: str
    ) -> list[Change]:
        inside = self._in[condition]
        entered, left = on - inside, off & inside
        inside |= entered
        inside -= left
        changes = []
        if entered:
            changes.append(Change(condition, True, tuple(sorted(entered)), evidence))
        if left:
            changes.append(Change(condition, False, tuple(sorted(left)), evidence))
        return changes
