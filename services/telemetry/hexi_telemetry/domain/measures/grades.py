"""Grades A to D by dated rules; every grade names what it was given for, and by which rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

GRADES = "ABCD"
NOT_GRADED = ""
DIMENSIONS = ("efficiency", "latency", "carbon", "security")


class GradeRule(NamedTuple):
    """`limits` are those of A, B and C; an advisory rule is told and decides nothing."""

    rule_id: str
    dimension: str
    measure: str
    unit: str
    limits: tuple[int, int, int]
    at_least: bool
    advisory: bool
    effective_from: str
    source: str


class Figure(NamedTuple):
    """One measured value, and of what."""

    value: int
    evidence: str


class Grade(NamedTuple):
    """`grade` is empty where nothing was measured; then `evidence` says so."""

    rule: GradeRule
    grade: str
    value: int
    limit: int
    evidence: str
    decides: bool = False


def rules_at(rules: Sequence[GradeRule], today: str) -> list[GradeRule]:
    """The rules in force on a day: of each the entry that came last."""
    begun = sorted((r for r in rules if r.effective_from <= today), key=lambda r: r.effective_from)
    newest = {rule.rule_id: rule for rule in begun}
    return sorted(newest.values(), key=lambda r: (DIMENSIONS.index(r.dimension), r.rule_id))


def grades(rules: Sequence[GradeRule], figures: Mapping[str, Figure]) -> list[Grade]:
    """One a rule; in each dimension the worst one decides."""
    found = [_grade(rule, figures.get(rule.measure)) for rule in rules]
    for dimension in DIMENSIONS:
        counted = [
            index
            for index, one in enumerate(found)
            if one.rule.dimension == dimension and one.grade and not one.rule.advisory
        ]
        if counted:
            worst = max(counted, key=lambda index: found[index].grade)
            found[worst] = found[worst]._replace(decides=True)
    return found


def _grade(rule: GradeRule, figure: Figure | None) -> Grade:
    if figure is None:
        return Grade(rule, NOT_GRADED, 0, 0, "not measured")
    for grade, limit in zip(GRADES, rule.limits, strict=False):
        if figure.value >= limit if rule.at_least else figure.value <= limit:
            return Grade(rule, grade, figure.value, limit, figure.evidence)
    return Grade(rule, GRADES[-1], figure.value, rule.limits[-1], figure.evidence)
