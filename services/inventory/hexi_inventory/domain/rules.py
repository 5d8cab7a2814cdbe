"""Dated rules of the access standard, and what a site shows when it is held against them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from hexi_inventory.domain.site import Site, SiteClass

Comparison = Literal["at_most", "below", "at_least"]
Effect = Literal["refuse", "note"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is held against the rules: told facts, and the PUE metered so far if there is any."""

    site: Site
    measured_pue_milli: int | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a rule concerns; None means all."""

    classes: frozenset[SiteClass] | None = None
    existing: bool | None = None
    start_zone: bool | None = None
    clusters: frozenset[str] | None = None

    def covers(self, site: Site) -> bool:
        return (
            (self.classes is None or site.site_class in self.classes)
            and (self.existing is None or site.existing == self.existing)
            and (self.start_zone is None or site.start_zone == self.start_zone)
            and (self.clusters is None or site.cluster in self.clusters)
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence of a paper as data; `effective_to` is the last day it holds."""

    rule_id: str
    measure: str
    comparison: Comparison
    limit: Decimal
    unit: str
    scope: Scope
    effect: Effect
    source: str
    effective_from: date
    effective_to: date | None = None

    def in_force(self, day: date) -> bool:
        return self.effective_from <= day and (
            self.effective_to is None or day <= self.effective_to
        )

    def allows(self, value: Decimal) -> bool:
        match self.comparison:
            case "at_most":
                return value <= self.limit
            case "below":
                return value < self.limit
            case "at_least":
                return value >= self.limit


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule looked at. An advisory finding is told, it refuses nobody."""

    rule_id: str
    subject: str
    value: str
    limit: str
    unit: str
    effective_from: str
    source: str
    passed: bool
    advisory: bool

    @property
    def refuses(self) -> bool:
        return not self.passed and not self.advisory

    def __str__(self) -> str:
        verdict = f"{self.subject} is {self.value}, expected {self.limit} {self.unit}"
        return f"{self.rule_id}: {verdict}, in force since {self.effective_from} ({self.source})"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of one name; which of them hold depends on the day."""

    name: str
    rules: tuple[Rule, ...]

    def evaluate(self, evidence: Evidence, day: date) -> tuple[Finding, ...]:
        """Every rule that holds on `day` and concerns this site, in order of its id."""
        return tuple(
            _finding(rule, value)
            for rule in sorted(self.rules, key=lambda rule: rule.rule_id)
            if rule.in_force(day) and rule.scope.covers(evidence.site)
            if (value := MEASURES[rule.measure](evidence)) is not None
        )


def refusals(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those that keep a site out."""
    return tuple(finding for finding in findings if finding.refuses)


_WORDS = {"at_most": "at most", "below": "below", "at_least": "at least"}


def _finding(rule: Rule, value: Decimal) -> Finding:
    return Finding(
        rule.rule_id,
        rule.measure,
        _plain(value),
        f"{_WORDS[rule.comparison]} {_plain(rule.limit)}",
        rule.unit,
        rule.effective_from.isoformat(),
        rule.source,
        rule.allows(value),
        rule.effect == "note",
    )


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _thousandths(number: int) -> Decimal:
    return Decimal(number) / 1000


def _green_grade(evidence: Evidence) -> Decimal:
    grade = evidence.site.green_grade
    return Decimal(grade[:-1]) if grade else Decimal(0)


def _contact_fields(evidence: Evidence) -> Decimal:
    contact = evidence.site.contact
    return Decimal(sum(map(bool, (contact.name, contact.email, contact.phone))))


def _rack_utilisation(evidence: Evidence) -> Decimal:
    site = evidence.site
    return (Decimal(site.racks_in_use) / site.standard_racks).quantize(Decimal("0.0001"))


def _measured_pue(evidence: Evidence) -> Decimal | None:
    measured = evidence.measured_pue_milli
    return None if measured is None else _thousandths(measured)


MEASURES: dict[str, Callable[[Evidence], Decimal | None]] = {
    "agent-certificates": lambda e: Decimal(len(e.site.agent_fingerprints)),
    "contact-fields": _contact_fields,
    "green-grade": _green_grade,
    "measured-pue": _measured_pue,
    "pue": lambda e: _thousandths(e.site.pue_milli),
    "rack-power": lambda e: _thousandths(e.site.rack_power_w),
    "rack-utilisation": _rack_utilisation,
    "standard-racks": lambda e: Decimal(e.site.standard_racks),
}
