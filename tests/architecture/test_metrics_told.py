"""Goal: what the contract says is measured is measured. Method: each name stands in the code."""

import re
from pathlib import Path

import pytest
from hexi_kit.metrics import declarations

ROOT = Path(__file__).resolve().parents[2]
CODE = "".join(path.read_text() for path in sorted(ROOT.glob("services/*/hexi_*/**/*.py")))
TOLD = set(re.findall(r"(?:counter|gauge|histogram)\(\s*\"([a-z_.]+)\"", CODE))


@pytest.mark.parametrize("name", sorted(declarations()))
def test_a_declared_metric_is_told_by_somebody(name: str) -> None:
    assert name in TOLD
