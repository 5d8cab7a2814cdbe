"""Goal: declarations read like one language. Method: rules, and files that must break them."""

import re

import pytest
from hexi_kit.metrics import Declaration, declarations

OWNERS = {
    "rpc", "kafka", "journal", "db", "inventory", "telemetry", "scheduler",
    "marketplace", "settlement", "security", "agent",
}  # fmt: skip


def problems(name: str, declared: Declaration) -> list[str]:
    found = []
    if not re.fullmatch(r"[a-z]+\.[a-z_]+", name) or name.split(".")[0] not in OWNERS:
        found.append("name")
    if declared.kind not in {"counter", "histogram", "gauge"}:
        found.append("kind")
    if name.endswith("_ms") and declared.unit != "ms":
        found.append("unit")
    if not declared.description.endswith("."):
        found.append("description")
    return found


def test_every_declaration_keeps_the_rules() -> None:
    assert {n: p for n, d in declarations().items() if (p := problems(n, d))} == {}


@pytest.mark.parametrize(
    ("name", "declared", "broken"),
    [
        ("Frames", Declaration("counter", "1", "X."), "name"),
        ("nobody.frames", Declaration("counter", "1", "X."), "name"),
        ("rpc.frames", Declaration("meter", "1", "X."), "kind"),
        ("rpc.call_ms", Declaration("histogram", "s", "X."), "unit"),
        ("rpc.calls", Declaration("counter", "1", "no full stop"), "description"),
    ],
)
def test_each_rule_can_fail(name: str, declared: Declaration, broken: str) -> None:
    assert problems(name, declared) == [broken]
