"""Reads rule sets from YAML and refuses what is no rule."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from hexi_inventory.domain.rules import MEASURES, Comparison, Effect, Rule, RuleSet, Scope
from hexi_inventory.domain.site import SiteClass

CLASSES = {site_class.word: site_class for site_class in SiteClass}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Scope(_Strict):
    classes: frozenset[str] | None = None
    existing: bool | None = None
    start_zone: bool | None = None
    clusters: frozenset[str] | None = None

    @field_validator("classes")
    @classmethod
    def _classes_exist(cls, names: frozenset[str] | None) -> frozenset[str] | None:
        if names is not None and names - CLASSES.keys():
            raise ValueError(f"expected classes of {sorted(CLASSES)}, was {sorted(names)}")
        return names

    def scope(self) -> Scope:
        classes = None if self.classes is None else frozenset(CLASSES[n] for n in self.classes)
        return Scope(classes, self.existing, self.start_zone, self.clusters)


class _Rule(_Strict):
    id: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")
    measure: str
    comparison: Comparison
    limit: Decimal = Field(strict=False)
    unit: str
    effect: Effect
    source: str = Field(min_length=1)
    effective_from: date
    effective_to: date | None = None
    scope: _Scope = _Scope()

    @field_validator("measure")
    @classmethod
    def _measure_exists(cls, name: str) -> str:
        if name not in MEASURES:
            raise ValueError(f"expected a measure of {sorted(MEASURES)}, was {name!r}")
        return name

    @field_validator("limit", mode="before")
    @classmethod
    def _limit_is_text(cls, limit: object) -> object:
        # A YAML float would have lost digits before anybody could look.
        if not isinstance(limit, str):
            raise ValueError(f"expected a quoted number, was {limit!r}")
        return limit

    def rule(self) -> Rule:
        return Rule(
            self.id,
            self.measure,
            self.comparison,
            self.limit,
            self.unit,
            self.scope.scope(),
            self.effect,
            self.source,
            self.effective_from,
            self.effective_to,
        )


class _RuleSet(_Strict):
    name: str
    rules: tuple[_Rule, ...] = Field(min_length=1)

    @field_validator("rules")
    @classmethod
    def _ids_are_used_once(cls, rules: tuple[_Rule, ...]) -> tuple[_Rule, ...]:
        ids = [rule.id for rule in rules]
        if len(set(ids)) != len(ids):
            raise ValueError("expected every rule id once")
        return rules


def parse_rule_set(text: str) -> RuleSet:
    """One document.

    Raises:
        ValueError: with the rule and the field that is wrong.
    """
    document = _RuleSet.model_validate(yaml.safe_load(text))
    return RuleSet(document.name, tuple(rule.rule() for rule in document.rules))


def load_rule_set(name: str) -> RuleSet:
    """The rule set `name` of this package."""
    file = files("hexi_inventory.store") / "rule_sets" / f"{name}.yaml"
    return parse_rule_set(file.read_text(encoding="utf-8"))
