"""Which servers sources speak of, and what they tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hexi_agent.hosts import NUMBER_MAX, TEXT_MAX
from hexi_agent.mapping.match import RuleBook, compiled
from hexi_agent.mapping.rules import FactRule, MappingFile
from hexi_agent.mapping.subjects import Subjects
from hexi_agent.sources.raw import RawReading

SERVERS_MAX = 100_000
PARTS_MAX = 4_096
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Seen:
    """A server as sources know it. `facts` are those columns of the table that they tell."""

    name: str
    readings: int = 0
    facts: dict[str, str | int] = field(default_factory=dict)


class Census:
    """Takes readings as a board does. Whatever has a reading of a server is one."""

    def __init__(self, mappings: Sequence[MappingFile], subjects: Subjects) -> None:
        self._book = RuleBook([rule for one in mappings for rule in one.rules])
        self._subjects = subjects
        self._facts = [_Fact(rule) for mapping in mappings for rule in mapping.facts]
        self._names: dict[str, str] = {}
        self._readings: dict[str, int] = {}
        # By server and fact rule: what each part says.
        self._parts: dict[tuple[str, int], dict[Labels, float]] = {}
        self._words: dict[tuple[str, int], str] = {}

    def take(self, readings: Sequence[RawReading]) -> None:
        for one in readings:
            name = self._name(one.subject)
            for number, fact in enumerate(self._facts):
                if fact.fits(one):
                    self._learn(name, number, fact.rule, one)
            feeds = self._book.match(one.name, one.labels, one.unit).feeds
            has_room = name in self._readings or len(self._readings) < SERVERS_MAX
            if has_room and any(self._book.rules[feed.rule].metric for feed in feeds):
                self._readings[name] = self._readings.get(name, 0) + 1

    def servers(self) -> list[Seen]:
        """By name."""
        return [
            Seen(name, count, dict(self._known(name)))
            for name, count in sorted(self._readings.items())
        ]

    def _name(self, subject: str) -> str:
        found = self._names.get(subject)
        if found is None:
            found = self._subjects.name(subject)
            if len(self._names) < SERVERS_MAX:
                self._names[subject] = found
        return found

    def _learn(self, name: str, number: int, rule: FactRule, one: RawReading) -> None:
        if rule.label:
            word = next((text for label, text in one.labels if label == rule.label), "").strip()
            if word and len(word) <= TEXT_MAX and word.isprintable():
                self._words[name, number] = word
            return
        kept = one.labels if rule.by is None else tuple(p for p in one.labels if p[0] in rule.by)
        parts = self._parts.setdefault((name, number), {})
        if kept in parts or len(parts) < PARTS_MAX:
            parts[kept] = one.value

    def _known(self, name: str) -> Iterable[tuple[str, str | int]]:
        for number, fact in reversed(list(enumerate(self._facts))):
            rule = fact.rule
            if (name, number) in self._words:
                yield rule.fact, self._words[name, number]
            parts = self._parts.get((name, number))
            if parts:
                values = parts.values()
                total = {"count": len(parts), "sum": sum(values), "max": max(values)}[rule.over]
                value = total * rule.scale
                if 0 < value <= NUMBER_MAX:
                    yield rule.fact, round(value)


class _Fact:
    def __init__(self, rule: FactRule) -> None:
        self.rule = rule
        self._read = compiled(rule.read)
        self._where = {name: compiled(texts) for name, texts in rule.where.items()}

    def fits(self, one: RawReading) -> bool:
        if not self._read.fullmatch(one.name):
            return False
        labels = dict(one.labels)
        return all(wanted.fullmatch(labels.get(name, "")) for name, wanted in self._where.items())
