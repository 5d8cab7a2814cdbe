"""The market's dated rules: which value holds for whom on which day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from hexi_marketplace.domain.product import GRADES

ANY = "*"
SHANGHAI_AHEAD = timedelta(hours=8)
REQUIRED = (
    "price-tick",
    "price-floor",
    "price-ceiling",
    "lot",
    "order-units-ceiling",
    "horizon",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the book of rules."""

    rule: str
    scope: str
    value: int
    unit: str
    effective_from: date
    source: str

    def __str__(self) -> str:
        return f"{self.rule} {self.value} {self.unit} since {self.effective_from} ({self.source})"


@dataclass(frozen=True, slots=True)
class OrderLimits:
    """What an order for one class must keep on one day."""

    tick: Rule
    floor: Rule
    ceiling: Rule
    lot: Rule
    units_max: Rule


class MarketRules:
    """All rules, asked by day. Every required rule has an entry for any scope."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        missing = set(REQUIRED) - {rule.rule for rule in rules if rule.scope == ANY}
        if missing:
            raise ValueError(f"expected the rules {sorted(missing)}, were missing")
        self._rules = sorted(rules, key=lambda rule: rule.effective_from)
        self._limits: dict[tuple[str, date], OrderLimits] = {}

    def limits(self, class_id: str, now_ms: int) -> OrderLimits:
        day = _day(now_ms)
        found = self._limits.get((class_id, day))
        if found is None:
            found = OrderLimits(
                self._of("price-tick", class_id, day),
                self._of("price-floor", class_id, day),
                self._of("price-ceiling", class_id, day),
                self._of("lot", class_id, day),
                self._of("order-units-ceiling", class_id, day),
            )
            if len(self._limits) >= 1_000:
                self._limits.clear()
            self._limits[class_id, day] = found
        return found

    def horizon_slots(self, now_ms: int) -> int:
        """How many slots, from the first open one, can be traded."""
        return self._of("horizon", ANY, _day(now_ms)).value

    def grade(self, pue_milli: int, now_ms: int) -> str:
        """The best grade whose limit this PUE keeps."""
        day = _day(now_ms)
        for grade in GRADES[:-1]:
            rule = self._find("pue-ceiling", grade, day)
            if rule is not None and 0 < pue_milli <= rule.value:
                return grade
        return GRADES[-1]

    def _of(self, name: str, scope: str, day: date) -> Rule:
        rule = self._find(name, scope, day) or self._find(name, ANY, day)
        if rule is None:
            raise ValueError(f"expected a rule {name} in force on {day}, was none")
        return rule

    def _find(self, name: str, scope: str, day: date) -> Rule | None:
        found = None
        for rule in self._rules:
            if rule.rule == name and rule.scope == scope and rule.effective_from <= day:
                found = rule
        return found


def read_rules(document: Mapping[str, Sequence[Mapping[str, object]]]) -> MarketRules:
    """The rules of a parsed file."""
    return MarketRules([_rule(entry) for entry in document["rules"]])


def _rule(entry: Mapping[str, object]) -> Rule:
    value, since = entry["value"], entry["from"]
    if not isinstance(value, int) or not isinstance(since, date):
        raise ValueError(f"expected a whole value and a day, was {entry}")
    return Rule(
        str(entry["rule"]),
        str(entry["scope"]),
        value,
        str(entry["unit"]),
        since,
        str(entry["source"]),
    )


def _day(now_ms: int) -> date:
    return (datetime.fromtimestamp(now_ms // 1000, UTC) + SHANGHAI_AHEAD).date()
