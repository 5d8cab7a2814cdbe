"""Goal: a month is Asia/Shanghai's. Method: both sides of the midnight there."""

import pytest
from hexi_settlement.domain.calendar import day_of, is_month, month_after, month_before, month_of

# 2026-12-01T00:00 in Shanghai.
DECEMBER_MS = 1_796_054_400_000


def test_a_month_begins_at_midnight_in_shanghai() -> None:
    assert (month_of(DECEMBER_MS - 1), month_of(DECEMBER_MS)) == ("2026-11", "2026-12")
    assert (day_of(DECEMBER_MS - 1), day_of(DECEMBER_MS)) == ("2026-11-30", "2026-12-01")


def test_months_follow_each_other_over_the_year() -> None:
    assert (month_after("2026-12"), month_before("2027-01")) == ("2027-01", "2026-12")


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "0000-01", "2026-1", "２０２６-01", "", "202601x"]
)
def test_other_texts_are_no_months(text: str) -> None:
    assert not is_month(text)
    assert is_month("2026-11")
