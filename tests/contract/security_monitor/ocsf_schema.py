"""Checks a document against a compiled OCSF schema: attributes, types, enums, constraints."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VARIABLE = "HEXI_OCSF_SCHEMA"
NAME = "ocsf-1.9.0-dev-compiled.json.gz"
BESIDE = Path(__file__).resolve().parents[4] / "shared" / "data" / "ocsf" / NAME
# Types that are text or numbers on the wire; all others are named after what they restrict.
PLAIN: dict[str, type | tuple[type, ...]] = {
    "boolean_t": bool,
    "integer_t": int,
    "long_t": int,
    "port_t": int,
    "timestamp_t": int,
    "float_t": (int, float),
}


def find_schema() -> dict[str, Any] | None:
    """The compiled schema, where somebody has put one."""
    path = Path(os.environ.get(VARIABLE, BESIDE))
    if not path.exists():
        return None
    schema: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return schema


def problems(schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """Everything that keeps a document from being an event of its class."""
    classes = {entry["uid"]: entry for entry in schema["classes"].values()}
    event_class = classes.get(document.get("class_uid"))
    if event_class is None:
        return [f"class_uid: expected a class, was {document.get('class_uid')}"]
    return list(_walk(schema, event_class, document, event_class["name"]))


def _walk(
    schema: dict[str, Any], shape: dict[str, Any], value: dict[str, Any], path: str
) -> Iterator[str]:
    attributes = shape["attributes"]
    for name, attribute in attributes.items():
        # An attribute of a profile is asked for only when the profile is applied.
        is_required = attribute.get("requirement") == "required" and not attribute.get("profile")
        if is_required and name not in value:
            yield f"{path}.{name}: expected, was missing"
    for name in (shape.get("constraints") or {}).get("at_least_one", [])[:1]:
        wanted = shape["constraints"]["at_least_one"]
        if not any(one in value for one in wanted):
            yield f"{path}: expected one of {wanted}, was none ({name} first)"
    for name, content in value.items():
        if name not in attributes:
            yield f"{path}.{name}: expected an attribute of the schema, was unknown"
        else:
            yield from _attribute(schema, attributes[name], content, f"{path}.{name}")


def _attribute(
    schema: dict[str, Any], attribute: dict[str, Any], content: Any, path: str
) -> Iterator[str]:
    if attribute.get("is_array"):
        if not isinstance(content, list):
            yield f"{path}: expected an array"
            return
        for index, item in enumerate(content):
            yield from _single(schema, attribute, item, f"{path}[{index}]")
    else:
        yield from _single(schema, attribute, content, path)


def _single(
    schema: dict[str, Any], attribute: dict[str, Any], content: Any, path: str
) -> Iterator[str]:
    shape = schema["objects"].get(attribute["type"])
    if shape is not None:
        if not isinstance(content, dict):
            yield f"{path}: expected an object, was {content!r}"
        elif attribute["type"] != "object":
            yield from _walk(schema, shape, content, path)
    elif attribute["type"] in PLAIN:
        expected = PLAIN[attribute["type"]]
        if not isinstance(content, expected) or (expected is int and isinstance(content, bool)):
            yield f"{path}: expected {attribute['type']}, was {content!r}"
        elif attribute.get("enum") and str(content) not in attribute["enum"]:
            yield f"{path}: expected one of {sorted(attribute['enum'])}, was {content!r}"
    elif attribute["type"] != "json_t" and not isinstance(content, str):
        yield f"{path}: expected {attribute['type']}, was {content!r}"
