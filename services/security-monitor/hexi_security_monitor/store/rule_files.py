"""Reads detection rules and legal clocks from YAML and refuses what is neither."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from hexi_security_monitor.domain.clocks import OTHER_KIND, Clocks, LegalClock, OperatorKind
from hexi_security_monitor.domain.event import Severity
from hexi_security_monitor.domain.rules import GroupBy, Response, Rule, RuleBook

Grade = Literal["low", "medium", "high", "critical"]
Kind = Literal["critical-operator", "central-organ", "other"]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")]
SECOND_MS = 1_000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Rule(_Strict):
    id: Id
    title: str = Field(min_length=1)
    severity: Grade
    kind: str
    reasons: frozenset[str]
    group_by: GroupBy
    threshold: int = Field(ge=1, le=1_000)
    window_s: int = Field(ge=1, le=86_400)
    correlation_s: int = Field(ge=1, le=30 * 86_400)
    response: Response
    source: str = Field(min_length=1)
    effective_from: date
    effective_to: date | None = None
    periods: int = Field(default=0, ge=0, le=10_000)

    def rule(self) -> Rule:
        return Rule(
            self.id,
            self.title,
            Severity[self.severity.upper()],
            self.kind,
            self.reasons,
            self.group_by,
            self.threshold,
            self.window_s * SECOND_MS,
            self.correlation_s * SECOND_MS,
            self.response,
            self.source,
            self.effective_from,
            self.effective_to,
            self.periods,
        )


class _RuleBook(_Strict):
    name: str
    blast_radius_racks: int = Field(ge=0, le=1_000)
    rules: tuple[_Rule, ...] = Field(min_length=1)


class _Kind(_Strict):
    kind: Kind
    security_grade_at_least: int = Field(default=0, ge=0, le=5)
    state_owned_cloud: bool | None = None
    sites: frozenset[str] = frozenset()


class _Clock(_Strict):
    id: Id
    kind: Kind
    severities: frozenset[Grade] = Field(min_length=1)
    addressee: str = Field(min_length=1)
    within_minutes: int = Field(ge=1)
    source: str = Field(min_length=1)
    effective_from: date
    effective_to: date | None = None


class _Clocks(_Strict):
    name: str
    kinds: tuple[_Kind, ...]
    clocks: tuple[_Clock, ...] = Field(min_length=1)


def parse_rules(text: str) -> RuleBook:
    """One document.

    Raises:
        ValueError: with the rule and the field that is wrong.
    """
    document = _RuleBook.model_validate(yaml.safe_load(text))
    rules = sorted((one.rule() for one in document.rules), key=lambda rule: rule.rule_id)
    _require_once([rule.rule_id for rule in rules])
    return RuleBook(document.name, tuple(rules), document.blast_radius_racks)


def parse_clocks(text: str) -> Clocks:
    """One document.

    Raises:
        ValueError: with the clock and the field that is wrong.
    """
    document = _Clocks.model_validate(yaml.safe_load(text))
    _require_once([clock.id for clock in document.clocks])
    if not any(clock.kind == OTHER_KIND for clock in document.clocks):
        raise ValueError("expected a clock for every other site, was none")
    kinds = tuple(OperatorKind(**kind.model_dump()) for kind in document.kinds)
    clocks = tuple(
        LegalClock(
            clock.id,
            clock.kind,
            frozenset(Severity[grade.upper()] for grade in clock.severities),
            clock.addressee,
            clock.within_minutes,
            clock.source,
            clock.effective_from,
            clock.effective_to,
        )
        for clock in document.clocks
    )
    return Clocks(kinds, clocks)


def load_text(name: str) -> str:
    """The document `name` of this package."""
    file = files("hexi_security_monitor.store") / "rule_sets" / f"{name}.yaml"
    return file.read_text(encoding="utf-8")


def _require_once(ids: list[str]) -> None:
    if len(set(ids)) != len(ids):
        raise ValueError(f"expected every id once, was {sorted(ids)}")
