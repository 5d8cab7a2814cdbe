"""Goal: a caller learns all that is wrong at once. Method: examples."""

import pytest
from hexi_kit.errors import InvalidArgument
from hexi_kit.rpc.validate import Violations


def test_every_violation_is_told() -> None:
    found = Violations()
    found.identifier("site_id", "../etc")
    found.bounded("count", 7, 0, 5)
    found.text("name", "", 10)
    found.require(False, "window", "expected an order")

    with pytest.raises(InvalidArgument) as caught:
        found.raise_if_any()

    assert [v.field for v in caught.value.violations] == ["site_id", "count", "name", "window"]


def test_nothing_wrong_raises_nothing() -> None:
    found = Violations()
    assert found.identifier("site_id", "lanzhou-1")
    assert found.bounded("count", 5, 0, 5)
    assert found.text("name", "兰州", 10)
    found.raise_if_any()


@pytest.mark.parametrize("value", ["", "-a", "a b", "a\n", "兰州", "a" * 129, "a\x00"])
def test_odd_identifiers_are_violations(value: str) -> None:
    assert not Violations().identifier("id", value)


def test_the_list_of_violations_is_bounded() -> None:
    found = Violations()
    for number in range(10_000):
        found.require(False, f"items[{number}]", "bad")
    assert len(found) == 50
