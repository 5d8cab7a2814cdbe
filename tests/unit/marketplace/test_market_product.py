"""Goal: a product's name is read exactly one way. Method: examples and a round trip."""

import pytest
from hexi_marketplace.domain.product import (
    SLOT_MS,
    first_open_slot_ms,
    parse_product,
    product_of,
    shard_name,
)
from hypothesis import given
from hypothesis import strategies as st

TEN_THIRTY_MS = 1_795_228_200_000  # 2026-11-21 10:30 in Lanzhou


def test_a_name_is_class_grade_site_and_slot_in_local_time() -> None:
    product = product_of("A100", "B", "jinchang", TEN_THIRTY_MS)

    assert product.product_id == "A100.B.jinchang.20261121T1030"
    assert product.gate_closes_ms == TEN_THIRTY_MS - SLOT_MS
    assert product.slot_end_ms == TEN_THIRTY_MS + SLOT_MS
    assert product.shard == "A100.jinchang"


@given(
    class_id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
    grade=st.sampled_from("ABCD"),
    site_id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True),
    slot=st.integers(1, 100_000_000 // 15),
)
def test_what_is_written_is_read(class_id: str, grade: str, site_id: str, slot: int) -> None:
    product = product_of(class_id, grade, site_id, slot * SLOT_MS)

    assert parse_product(product.product_id) == product


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A100.B.jinchang",
        "A100.E.jinchang.20261121T1030",
        "A100.B.jin.chang",
        "A100.B.jinchang.20261121T1031",
        "A100.B.jinchang.20261321T1030",
        "A100.B.jinchang.20261121T1030 ",
        "A100.B.jinchang.20261121T1030\n",
        "A100.B.jinchang.２0261121T1030",
        ".B.jinchang.20261121T1030",
        "x" * 5_000,
    ],
)
def test_anything_else_is_no_name(text: str) -> None:
    assert parse_product(text) is None
    assert shard_name(text) == text


def test_the_first_open_slot_is_the_first_whose_gate_is_open() -> None:
    for now_ms in range(TEN_THIRTY_MS - SLOT_MS, TEN_THIRTY_MS + SLOT_MS, 60_000):
        first = product_of("general", "A", "lanzhou", first_open_slot_ms(now_ms))
        assert now_ms < first.gate_closes_ms <= now_ms + SLOT_MS
