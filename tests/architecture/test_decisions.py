"""Goal: no decision without something that holds it. Method: follow what each record names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DECISIONS = sorted((ROOT / "contracts" / "decisions").glob("*.md"))
ENFORCEMENT = re.compile(r"^##? *(Enforce\w*|Held by)\b.*?$(?P<body>.*)\Z", re.M | re.S | re.I)


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_names_the_file_that_holds_it(path: Path) -> None:
    section = ENFORCEMENT.search(path.read_text())

    assert section, "expected a last section 'Enforcement'"
    named = re.findall(r"`([\w./*-]+/[\w.*-]+|[\w.-]+\.\w+|task)`", section["body"])
    assert named, "expected at least one file in backticks"
    missing = [name for name in named if not list(ROOT.glob(name))]
    assert not missing


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_begins_with_its_number(path: Path) -> None:
    assert re.match(rf"# {path.name[:4]} \w", path.read_text())


def test_no_two_decisions_share_a_number() -> None:
    numbers = [path.name[:4] for path in DECISIONS]

    assert len(set(numbers)) == len(numbers)
