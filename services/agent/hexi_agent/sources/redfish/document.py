"""Bytes of a controller into a JSON object that is safe to walk, or the finding why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from hexi_agent.sources.findings import Finding

BODY_BYTES_MAX = 4 * 1024**2
DEPTH_MAX = 32
PATH_CHARS_MAX = 600
Document = dict[str, Any]
Path = tuple[str, ...]


def read_document(body: bytes, where: str) -> Document | Finding:
    """Whoever sent it: no bytes make this raise."""
    if len(body) > BODY_BYTES_MAX:
        return Finding("too-large", where, f"expected at most {BODY_BYTES_MAX} bytes")
    try:
        document = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        return Finding("not-json", where, str(error)[:200])
    if not isinstance(document, dict):
        return Finding("not-an-object", where, f"expected an object, was {_kind(document)}")
    if not _is_shallow(document):
        return Finding("too-deep", where, f"expected at most {DEPTH_MAX} levels")
    return document


def type_of(document: Document) -> str:
    """`Power` of `#Power.v1_7_1.Power`; empty where it does not say."""
    return text(document.get("@odata.type")).removeprefix("#").partition(".")[0]


def text(value: object) -> str:
    """A text of theirs cut to a length that is fit to keep; empty for anything else."""
    return value[:200] if isinstance(value, str) else ""


def link(value: object) -> str:
    """A path of theirs; a cut one would lead elsewhere, so that a long one is none."""
    return value if isinstance(value, str) and len(value) <= PATH_CHARS_MAX else ""


def as_number(value: object) -> float | None:
    """A finite number; also one in quotes, as reports have them and some vendors everywhere."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value if not isinstance(value, str) else value[:64])
    except (ValueError, OverflowError):
        return None
    return number if number - number == 0 else None


def members(document: Document, key: str) -> Iterator[Document]:
    """The objects of a list; what is no object is passed over."""
    found = document.get(key)
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict):
            yield one


def _is_shallow(document: Document) -> bool:
    level: list[Any] = [document]
    for _ in range(DEPTH_MAX):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return True
    return False


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"expected a number, was {constant}")


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
