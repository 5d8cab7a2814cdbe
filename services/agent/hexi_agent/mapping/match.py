"""Finds the rules that a reading feeds, or the reason why there is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from typing import NamedTuple

from hexi_agent.mapping.rules import Patterns, Rule

Labels = tuple[tuple[str, str], ...]
NO_RULE = "no rule names it"
# Names and label sets that are remembered; beyond them each reading is matched anew.
REMEMBERED_MAX = 50_000


class Feed(NamedTuple):
    """A rule that takes the reading as dividend, or `below` the line; equal `identity`: one series.

    `identity` holds the labels that tell one server's readings apart.
    """

    rule: int
    below: bool
    is_counter: bool
    identity: int


class Match(NamedTuple):
    """Feeds, or the reason why there are none."""

    feeds: tuple[Feed, ...]
    reason: str


class RuleBook:
    """All rules of an agent, in their order."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._tests = [_Test(rule) for rule in rules]
        self._matches: dict[tuple[str, Labels, str], Match] = {}
        self._names: dict[str, tuple[tuple[int, bool], ...]] = {}
        self._identities: dict[tuple[int, bool, str, Labels], int] = {}

    def wants(self, name: str, labels: Labels) -> bool:
        """Whether a rule would take it, whatever its unit; to ask before a value is read."""
        given = dict(labels)
        return any(
            not self.rules[number].unmapped and not self._tests[number].refuses(given)
            for number, _ in self._terms(name)
        )

    def match(self, name: str, labels: Labels, unit: str) -> Match:
        key = (name, labels, unit)
        found = self._matches.get(key)
        if found is None:
            found = self._match(name, labels, unit)
            if len(self._matches) >= REMEMBERED_MAX:
                self._matches.clear()
            self._matches[key] = found
        return found

    def takes_subject(self, rule: int, subject: str) -> bool:
        wanted = self._tests[rule].subject
        return wanted is None or wanted.fullmatch(subject) is not None

    def _match(self, name: str, labels: Labels, unit: str) -> Match:
        terms, given = self._terms(name), dict(labels)
        feeds, reason = list[Feed](), "" if terms else NO_RULE
        for number, below in terms:
            rule, why = self.rules[number], self._tests[number].refuses(given, unit)
            if not why and rule.unmapped:
                return Match(tuple(feeds), "" if feeds else rule.unmapped)
            if why:
                reason = reason or why
                continue
            identity = self._identity(number, below, name, labels)
            feeds.append(Feed(number, below, rule.kind == "counter", identity))
        return Match(tuple(feeds), "" if feeds else reason)

    def _terms(self, name: str) -> tuple[tuple[int, bool], ...]:
        found = self._names.get(name)
        if found is None:
            found = tuple(
                (number, below)
                for number, test in enumerate(self._tests)
                for below, wanted in ((False, test.read), (True, test.per))
                if wanted is not None and wanted.fullmatch(name)
            )
            if len(self._names) >= REMEMBERED_MAX:
                self._names.clear()
            self._names[name] = found
        return found

    def _identity(self, number: int, below: bool, name: str, labels: Labels) -> int:
        by = self.rules[number].by
        kept = labels if by is None else tuple(one for one in labels if one[0] in by)
        return self._identities.setdefault(
            (number, below, name if by is None else "", kept), len(self._identities)
        )


class _Test:
    """A rule's patterns, compiled."""

    def __init__(self, rule: Rule) -> None:
        self.read = compiled(rule.read)
        self.per = compiled(rule.per) if rule.per else None
        self.subject = compiled(rule.subject) if rule.subject else None
        self._unit = compiled(rule.unit) if rule.unit else None
        self._wanted = rule.unit
        self._where = {name: (compiled(texts), texts) for name, texts in rule.where.items()}

    def refuses(self, labels: dict[str, str], unit: str | None = None) -> str:
        """What keeps the reading out; empty if nothing does. A `unit` of None is any."""
        for name, (wanted, texts) in self._where.items():
            if not wanted.fullmatch(labels.get(name, "")):
                return f"label {name}: expected {' or '.join(texts)}, was {labels.get(name, '')!r}"
        if unit is not None and self._unit is not None and not self._unit.fullmatch(unit):
            return f"unit: expected {' or '.join(self._wanted or ())}, was {unit!r}"
        return ""


def compiled(patterns: Patterns) -> re.Pattern[str]:
    """Whether a text fits any of these."""
    return re.compile("|".join(translate(one) for one in patterns), re.DOTALL)
