"""The values of a MetricReport, named as if the resource itself had been asked."""

from __future__ import annotations

import re
from typing import Any

from hexi_agent.sources.redfish.document import Document, as_number, link, members, text
from hexi_agent.sources.redfish.numbers import (
    UNIT_OF_TYPE,
    sensor_type,
    unit_of_name,
    why_not_reading,
)
from hexi_agent.sources.redfish.parse import Labels, Parsed, Reading, SetAside
from hexi_agent.sources.redfish.place import place_of

VALUES_MAX = 20_000
_INDEX = re.compile(r"/\d+(?=/|$)")
# States, and the words for a sensor that has nothing to say.
_WORDS = ("", "true", "false", "enabled", "disabled", "ok", "null", "none", "nan", "n/a")


def parse_report(document: Document) -> Parsed:
    """Oldest first as the report has them; a report may hold many moments of one property."""
    parsed = Parsed([], [], [])
    where = text(document.get("@odata.id")) or text(document.get("Id"))
    if not isinstance(document.get("MetricValues"), list):
        parsed.found("wrong-type", where, "MetricValues: expected a list")
        return parsed
    seen: set[tuple[str, str, str]] = set()
    for place, value in enumerate(members(document, "MetricValues")):
        if place >= VALUES_MAX:
            parsed.found("too-large", where, f"expected at most {VALUES_MAX} values")
            break
        name = link(value.get("MetricProperty")) or text(value.get("MetricId"))
        key = (name, _context(value), _at(value))
        if not key[0]:
            parsed.found("nameless", where, "expected a MetricProperty or a MetricId")
        elif key in seen:
            parsed.found("duplicate", key[0], f"expected one value of {key[2]}")
        else:
            seen.add(key)
            _sort(value, parsed)
    for extra in ("Oem", "SensingInterval"):
        _set_aside(document.get(extra), f"MetricReport/{extra}", parsed)
    return parsed


def _sort(value: Document, parsed: Parsed) -> None:
    name, labels, resource = _name(value)
    raw = value.get("MetricValue")
    number = as_number(raw)
    if number is None:
        if raw is not None and not (isinstance(raw, str) and raw.lower() in _WORDS):
            parsed.found("not-a-number", name, f"expected a number, was {raw!r:.60}")
        return
    reason = why_not_reading(name) or _why_stale(value)
    if reason:
        parsed.set_aside.append(SetAside(name, reason))
        return
    unit = unit_of_name(name) or UNIT_OF_TYPE.get(name.removeprefix("Sensor/"), "")
    parsed.readings.append(Reading(resource, name, labels, number, unit, _at(value)))


def _name(value: Document) -> tuple[str, Labels, str]:
    path = link(value.get("MetricProperty"))
    if not path:
        id_, context = text(value.get("MetricId")), _context(value)
        of: Labels = (("context", context),) if context else ()
        return f"MetricReport/{id_}", (*of, ("id", id_)), ""
    place = place_of(path)
    pointer = path.partition("#")[2].strip("/")
    index = _INDEX.search(f"/{pointer}")
    said = {
        "of": place.of,
        "part": place.part,
        "id": place.id,
        "index": index[0][1:] if index else "",
    }
    labels = tuple((label, word) for label, word in sorted(said.items()) if word)
    if place.type == "Sensor" and pointer in ("", "Reading"):
        return f"Sensor/{sensor_type('', place.id)}", labels, place.resource
    return f"{place.type}{_INDEX.sub('', f'/{pointer}')}", labels, place.resource


def _why_stale(value: Document) -> str:
    is_stale = any(vendor.get("MetricValueStale") is True for vendor in _vendors(value))
    return "the controller says that it is stale" if is_stale else ""


def _context(value: Document) -> str:
    """What a metric is of, where its name is that of many, as Dell's are."""
    return next((text(vendor.get("ContextID")) for vendor in _vendors(value)), "")


def _vendors(value: Document) -> list[Document]:
    oem: Any = value.get("Oem")
    found = oem.values() if isinstance(oem, dict) else ()
    return [vendor for vendor in found if isinstance(vendor, dict)]


def _set_aside(node: Any, name: str, parsed: Parsed) -> None:
    if isinstance(node, dict):
        for key, child in node.items():
            _set_aside(child, f"{name}/{key}", parsed)
    elif not isinstance(node, str) and as_number(node) is not None:
        reason = why_not_reading(name) or "no property of the report's is a reading"
        parsed.set_aside.append(SetAside(name, reason))


def _at(value: Document) -> str:
    return text(value.get("Timestamp"))
