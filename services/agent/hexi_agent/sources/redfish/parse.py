"""Every number of a Redfish resource: a reading, or named with the reason why it is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hexi_agent.sources.findings import Finding
from hexi_agent.sources.redfish.document import Document, as_number, link, members, text, type_of
from hexi_agent.sources.redfish.numbers import (
    FACTS,
    TELEMETRY_TYPES,
    UNIT_OF_TYPE,
    sensor_type,
    unit_of_name,
    why_not_reading,
)
from hexi_agent.sources.redfish.place import Place, place_of

LEAVES_MAX = 50_000
FINDINGS_MAX = 100
Labels = tuple[tuple[str, str], ...]
# Nobody reads a part that says it is in one of these states, whatever number stands there.
SILENT_STATES = frozenset(("Absent", "Disabled", "UnavailableOffline", "Deferring"))
_SAID = (
    ("id", "MemberId"),
    ("id", "Id"),
    ("name", "Name"),
    ("name", "DeviceName"),
    ("context", "PhysicalContext"),
)
# Only here is a text, a truth value or an object in a number's place worth a word.
_READING_KEYS = frozenset(("Reading", "ReadingCelsius", "ReadingVolts", "PowerConsumedWatts"))


class Reading(NamedTuple):
    """`at` is the controller's own text for when; empty: as it was asked."""

    resource: str
    name: str
    labels: Labels
    value: float
    unit: str
    at: str = ""


class SetAside(NamedTuple):
    """A number that is no reading."""

    name: str
    reason: str


class Parsed(NamedTuple):
    """All that one document had to say."""

    readings: list[Reading]
    set_aside: list[SetAside]
    findings: list[Finding]

    def found(self, kind: str, where: str, reason: str) -> None:
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(kind, where[:200], reason[:200]))


class _Leaf(NamedTuple):
    path: str
    key: str
    value: Any
    owner: Document  # the nearest object that says which part it is
    place: str  # in the innermost list


def parse_resource(document: Document) -> Parsed:
    """One resource that is no report; the members of an expanded collection each by itself."""
    parsed = Parsed([], [], [])
    seen: set[str] = set()
    leaves = 0
    for one in (document, *(child for child in members(document, "Members") if len(child) > 1)):
        path = link(one.get("@odata.id"))
        if path and path in seen:
            parsed.found("duplicate", path, "expected each member once")
            continue
        seen.add(path)
        for leaf in _leaves(one):
            leaves += 1
            if leaves > LEAVES_MAX:
                parsed.found("too-large", path, f"expected at most {LEAVES_MAX} values")
                return parsed
            _sort(leaf, one, place_of(path), parsed)
    return parsed


def _sort(leaf: _Leaf, document: Document, place: Place, parsed: Parsed) -> None:
    kind = type_of(document) or place.type
    name = f"{kind}/{leaf.path}"
    number = as_number(leaf.value)
    if number is None or isinstance(leaf.value, str):
        if leaf.key not in _READING_KEYS or leaf.value is None:
            return
        what = "not-a-number" if number is None else "number-in-quotes"
        parsed.found(what, name, f"expected a number, was {leaf.value!r:.60}")
        if number is None:
            return
    reason = why_not_reading(name) or _why_silent(name, leaf.owner)
    if reason:
        parsed.set_aside.append(SetAside(name, reason))
        return
    unit = unit_of_name(name)
    if leaf.key == "Reading":
        unit = unit or text(leaf.owner.get("ReadingUnits"))
        if kind == "Sensor" and leaf.path == "Reading":
            type_ = text(document.get("ReadingType")) or sensor_type(unit, place.id)
            name, unit = f"Sensor/{type_}", unit or UNIT_OF_TYPE.get(type_, "")
    parsed.readings.append(
        Reading(place.resource, name, _labels(leaf, place, document), number, unit)
    )


def _why_silent(name: str, owner: Document) -> str:
    kind = name.partition("/")[0]
    if kind not in TELEMETRY_TYPES and name not in FACTS:
        return f"{kind or 'a resource without a type'} is not telemetry"
    if kind == "Sensor" and owner.get("ReadingBasis") in ("Headroom", "Delta"):
        return "a distance from a limit or from another sensor"
    status = owner.get("Status")
    state = text(status.get("State")) if isinstance(status, dict) else ""
    return f"the part is {state}" if state in SILENT_STATES else ""


def _labels(leaf: _Leaf, place: Place, document: Document) -> Labels:
    labels = {"of": place.of, "part": place.part, "index": leaf.place, "id": place.id}
    for label, key in _SAID:
        labels[label] = text(leaf.owner.get(key)) or labels.get(label, "")
    # Of the resource, for what it sums up has models of its own.
    labels["model"] = text(document.get("Model"))
    return tuple((label, said) for label, said in sorted(labels.items()) if said)


def _leaves(document: Document) -> Iterator[_Leaf]:
    """Without recursion; the other side chose the depth."""
    todo: list[tuple[str, str, Any, Document, str]] = [("", "", document, document, "")]
    while todo:
        path, key, node, owner, index = todo.pop()
        if isinstance(node, dict):
            owner = node if _says_who(node) else owner
            for name, child in reversed(node.items()):
                if name == "Members" and isinstance(child, list):
                    continue
                todo.append((f"{path}/{name}" if path else name, name, child, owner, index))
            if key in _READING_KEYS:
                yield _Leaf(path, key, node, owner, index)
        elif isinstance(node, list):
            todo.extend(
                (path, key, child, owner, str(place))
                for place, child in reversed(list(enumerate(node)))
            )
        else:
            yield _Leaf(path, key, node, owner, index)


def _says_who(node: Document) -> bool:
    return "Status" in node or "MemberId" in node or "DeviceName" in node or "ReadingUnits" in node
