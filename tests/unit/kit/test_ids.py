"""Goal: an id is a pure function of its parts. Method: properties, and one frozen example."""

import re

from hexi_kit.ids import derive, random_hex, random_id, seeded
from hypothesis import given
from hypothesis import strategies as st

PARTS = st.lists(st.text() | st.integers(), max_size=4)


@given(PARTS, PARTS)
def test_ids_are_equal_exactly_when_their_parts_are(left: list[str | int], right: list[str | int]):
    same = [(type(part), part) for part in left] == [(type(part), part) for part in right]
    assert (derive(*left) == derive(*right)) == same


@given(PARTS)
def test_an_id_is_26_characters_of_base32(parts: list[str | int]):
    assert re.fullmatch("[a-z2-7]{26}", derive(*parts))


def test_borders_between_parts_count():
    assert derive("ab", "c") != derive("a", "bc") != derive("abc")
    assert derive(1) != derive("1")


def test_an_id_never_changes_between_releases():
    assert derive("workload", "tenant-1", "key", 0) == "unq4ovi65da6vh6i3p3ehsncxa"


def test_random_ids_differ():
    assert len({random_id() for _ in range(1_000)}) == 1_000
    assert re.fullmatch("[0-9a-f]{16}", random_hex(8))


def test_the_same_seed_rolls_the_same_dice():
    assert seeded(7).random() == seeded(7).random()
