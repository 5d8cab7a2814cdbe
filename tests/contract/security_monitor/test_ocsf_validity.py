"""Goal: what we tell in OCSF is OCSF. Method: golden examples against the compiled schema."""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from hexi_contracts import topics as declared

_SPEC = importlib.util.spec_from_file_location(
    "ocsf_schema", Path(__file__).with_name("ocsf_schema.py")
)
assert _SPEC is not None and _SPEC.loader is not None
ocsf_schema = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(ocsf_schema)

EXAMPLES = Path(declared.__file__).parent.parent / "examples"
FILES = [
    path
    for topic in declared.ALL
    if topic.message is None
    for path in sorted((EXAMPLES / topic.name).glob("*.json"))
]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found = ocsf_schema.find_schema()
    if found is None:
        pytest.skip(f"no compiled OCSF schema here; {ocsf_schema.VARIABLE} names one")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_example_is_valid(schema: dict[str, Any], path: Path) -> None:
    assert ocsf_schema.problems(schema, json.loads(path.read_text(encoding="utf-8"))) == []


def test_what_is_not_valid_is_refused(schema: dict[str, Any]) -> None:
    good = json.loads((EXAMPLES / "security.finding.v1" / "rack-silent.json").read_text("utf-8"))
    for break_it in (
        lambda d: d.pop("finding_info"),
        lambda d: d["finding_info"].pop("uid"),
        lambda d: d.update(colour="red"),
        lambda d: d.update(severity_id=77),
        lambda d: d.update(time="now"),
        lambda d: d.update(class_uid=1),
        lambda d: d.update(resources={}),
        lambda d: d.update(resources=[{"type": "rack"}]),
    ):
        document = copy.deepcopy(good)
        break_it(document)
        assert ocsf_schema.problems(schema, document)
