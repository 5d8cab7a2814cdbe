"""Dated detection rules: which events concern them, how many make a finding, what follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from hexi_security_monitor.domain.event import Event, Severity

GroupBy = Literal["event", "source"]
Response = Literal["quarantine", "notify"]
RACK_SILENT = "rack.silent"


@dataclass(frozen=True, slots=True)
class Rule:
    """`threshold` events of one group within `window_ms` make a finding.

    Findings of one site within `correlation_ms` of the first join its incident. `periods` is for
    silence: how many frame periods without a good reading make a rack silent.
    """

    rule_id: str
    title: str
    severity: Severity
    kind: str
    reasons: frozenset[str]
    group_by: GroupBy
    threshold: int
    window_ms: int
    correlation_ms: int
    response: Response
    source: str
    effective_from: date
    effective_to: date | None = None
    periods: int = 0

    def in_force(self, day: date) -> bool:
        return self.effective_from <= day and (
            self.effective_to is None or day <= self.effective_to
        )

    def concerns(self, event: Event) -> bool:
        return event.kind == self.kind and (not self.reasons or event.reason in self.reasons)

    def group_of(self, event: Event) -> str:
        return event.uid if self.group_by == "event" else event.culprit


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Rules in order of their ids; `blast_radius_racks` bounds what happens without a person."""

    name: str
    rules: tuple[Rule, ...]
    blast_radius_racks: int

    def matching(self, event: Event, day: date) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.in_force(day) and rule.concerns(event))

    def silence(self, day: date) -> Rule | None:
        """The rule for silent racks, where one is in force."""
        for rule in self.rules:
            if rule.kind == RACK_SILENT and rule.in_force(day):
                return rule
        return None
