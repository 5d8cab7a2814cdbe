"""Reads the rules of links and grades out of their file, strictly: a typing error grades nobody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from typing import Any

import yaml

from hexi_telemetry.domain.measures.grades import DIMENSIONS, GRADES, GradeRule
from hexi_telemetry.domain.measures.links import LinkRules
from hexi_telemetry.domain.measures.site import MeasureRules

FILE = "policies/measures-2026.yaml"
WORDS = {"id", "dimension", "measure", "unit", "effective_from", "source"}


def measure_rules() -> MeasureRules:
    """Those of this package."""
    return parse_measure_rules(files("hexi_telemetry").joinpath(FILE).read_text("utf-8"))


def parse_measure_rules(text: str) -> MeasureRules:
    """One document.

    Raises:
        ValueError: with the entry that is wrong.
    """
    said = yaml.safe_load(text)
    link = said["link"]
    rules = tuple(_rule(entry) for entry in said["grades"])
    named = [(rule.rule_id, rule.effective_from) for rule in rules]
    if len(set(named)) != len(named):
        raise ValueError(f"expected every rule once a day, was {sorted(named)}")
    return MeasureRules(
        LinkRules(link["fresh_s"] * 1_000, link["differ_us"], link["differ_milli"]),
        said["window_days"],
        rules,
    )


def _rule(entry: Mapping[str, Any]) -> GradeRule:
    limits = [name for name in ("at_most", "at_least") if name in entry]
    if not WORDS <= entry.keys() <= WORDS | {"at_most", "at_least", "advisory"} or len(limits) != 1:
        raise ValueError(f"expected {sorted(WORDS)} and one kind of limits, was {entry}")
    said = entry[limits[0]]
    values = tuple(said.get(grade) for grade in GRADES[:-1])
    order = sorted(values, reverse=limits == ["at_least"]) if all(_whole(v) for v in values) else []
    if list(values) != order or len(said) != len(values):
        raise ValueError(f"{entry['id']}: expected whole limits of A, B, C in order, was {said}")
    if entry["dimension"] not in DIMENSIONS:
        raise ValueError(f"{entry['id']}: expected one of {DIMENSIONS}, was {entry['dimension']}")
    date.fromisoformat(entry["effective_from"])
    return GradeRule(
        entry["id"],
        entry["dimension"],
        entry["measure"],
        entry["unit"],
        (values[0], values[1], values[2]),
        limits == ["at_least"],
        bool(entry.get("advisory", False)),
        entry["effective_from"],
        entry["source"],
    )


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
