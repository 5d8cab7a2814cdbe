"""Goal: the yardstick of fairness is DRF. Method: the example of the paper, and laws over any."""

from __future__ import annotations

import pytest
from hexi_sim.simulate.fairness import dominant, fair_shares
from hypothesis import given
from hypothesis import strategies as st

CAPACITY = (9, 18)  # cpus and memory of the paper of 2011
amounts = st.tuples(st.integers(0, 50), st.integers(0, 50))


def test_the_example_of_the_paper() -> None:
    # Tasks of (1, 4) and (3, 1), as many as there are: two thirds of memory, two thirds of cpus.
    found = fair_shares({"a": (100, 400), "b": (300, 100)}, CAPACITY, {"a": 1, "b": 1})

    assert found == pytest.approx({"a": 2 / 3, "b": 2 / 3})


def test_who_asks_little_gets_it_and_leaves_the_rest() -> None:
    found = fair_shares({"a": (1, 0), "b": (90, 0)}, CAPACITY, {"a": 1, "b": 1})

    assert found == pytest.approx({"a": 1 / 9, "b": 8 / 9})


@given(
    st.dictionaries(st.sampled_from("abcd"), amounts, min_size=1),
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 5), min_size=4),
)
def test_nobody_gets_more_than_asked_and_nothing_is_given_twice(wanted, weights) -> None:
    found = fair_shares(wanted, CAPACITY, weights)

    for tenant, share in found.items():
        assert 0 <= share <= dominant(wanted.get(tenant, ()), CAPACITY) + 1e-6
    for resource, capacity in enumerate(CAPACITY):
        used = sum(
            share / top * wanted[tenant][resource] / capacity
            for tenant, share in found.items()
            if (top := dominant(wanted.get(tenant, ()), CAPACITY))
        )
        assert used <= 1 + 1e-6
