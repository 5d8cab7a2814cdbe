"""Goal: numbers come out of registers as the meter wrote them, and bad tables are refused. Method:
hypothesis packs numbers as meters do; options that must not pass."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hexi_agent.mapping.rules import shipped
from hexi_agent.sources.findings import Finding
from hexi_agent.sources.modbus.options import WORDS, ModbusOptions, Register
from hexi_agent.sources.modbus.registers import WORDS_MAX, blocks_of, number_of
from hexi_agent.sources.unwrap import Unwrapped
from hypothesis import given
from hypothesis import strategies as st

FORMATS = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "u64": ">Q", "i64": ">q"}
WHOLE = st.sampled_from(sorted(FORMATS))


def register(**more: Any) -> Register:
    return Register.model_validate({"name": "a", "address": 0, "type": "u16"} | more)


@given(WHOLE, st.sampled_from(["big", "little"]), st.data())
def test_whole_numbers_come_out_as_they_went_in(kind: str, order: str, data: st.DataObject) -> None:
    bits = 16 * WORDS[kind]
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if kind[0] == "i" else (0, 2**bits - 1)
    value = data.draw(st.integers(low, high))
    packed = struct.pack(FORMATS[kind], value)
    words = list(struct.unpack(f">{len(packed) // 2}H", packed))

    found = number_of(
        register(type=kind, word_order=order), words if order == "big" else words[::-1]
    )

    assert found == float(value)


@given(st.lists(st.integers(0, 0xFFFF), min_size=4, max_size=4), st.sampled_from(["f32", "f64"]))
def test_any_registers_are_a_number_or_a_finding(words: list[int], kind: str) -> None:
    found = number_of(register(type=kind), words[: WORDS[kind]])

    assert isinstance(found, Finding) or (found is not None and math.isfinite(found))


def test_scale_offset_and_the_meters_own_word_for_nothing() -> None:
    told = register(type="i16", scale=0.1, offset=-40.0, invalid=[0x8000])

    assert number_of(told, [655]) == pytest.approx(25.5)
    assert number_of(told, [0x8000]) is None
    assert isinstance(number_of(told, []), Finding)
    assert isinstance(number_of(told, [70_000]), Finding)


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from(sorted(WORDS)), st.booleans()),
        min_size=1,
        max_size=60,
    )
)
def test_blocks_hold_each_register_once_and_span_no_hole(
    told: list[tuple[int, str, bool]],
) -> None:
    registers = [
        register(name=f"r{n}", address=a, type=t, table="input" if i else "holding")
        for n, (a, t, i) in enumerate(told)
    ]

    blocks = blocks_of(registers)

    assert sorted(one.name for block in blocks for one in block.registers) == sorted(
        one.name for one in registers
    )
    for block in blocks:
        assert block.words <= WORDS_MAX
        held = {w for one in block.registers for w in range(one.address, one.address + one.words)}
        assert held == set(range(block.address, block.address + block.words))


@given(
    st.sampled_from([16, 32]),
    st.integers(0, 2**32),
    st.lists(st.floats(0, 1 / 8, exclude_max=True), max_size=60),
)
def test_a_counter_that_wraps_grows_by_what_was_counted(
    bits: int, begin: int, steps: list[float]
) -> None:
    unwrapped, total = Unwrapped(), begin % 2**bits
    first = unwrapped.at("m", total, bits)

    for step in steps:
        total += int(step * 2**bits)
        assert unwrapped.at("m", total % 2**bits, bits) - first == total - begin % 2**bits


def test_a_counter_that_was_reset_begins_with_what_it_says() -> None:
    unwrapped = Unwrapped()
    told = [unwrapped.at("m", raw, 16) for raw in (65_000, 10, 40_000, 20, 30)]

    assert told == [65_000, 65_546, 105_536, 20, 30]
    assert unwrapped.at("other", 5, 16) == 5


def test_a_register_says_where_its_counter_stands() -> None:
    told = register(type="u32", word_order="little", scale=0.5, wraps=32)

    assert number_of(told, [0x0001, 0xFFFF], lambda raw: raw + 2**32) == 0.5 * (0xFFFF0001 + 2**32)


METER = {"subject": "m", "host": "h", "map": "a"}
REGISTER = {"name": "a", "address": 0, "type": "u16"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"targets": []},
        {"targets": [METER | {"map": "b"}]},
        {"targets": [METER | {"unit": 256}]},
        {"maps": {"a": []}},
        {"maps": {"a": [REGISTER, REGISTER]}},
        {"maps": {"a": [REGISTER | {"address": 65_535, "type": "u32"}]}},
        {"maps": {"a": [REGISTER | {"type": "u8"}]}},
        {"maps": {"a": [REGISTER | {"scale": float("inf")}]}},
        {"maps": {"a": [REGISTER | {"unknown": 1}]}},
        {"maps": {"a": [REGISTER | {"wraps": 32}]}},
        {"maps": {"a": [REGISTER | {"type": "i32", "wraps": 32}]}},
        {"tls": {}},
        {"tls": {"authority": "a", "certificate": "c"}},
        {"period_ms": 0},
    ],
)
def test_a_table_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ModbusOptions.model_validate({"targets": [METER], "maps": {"a": [REGISTER]}} | wrong)


def test_the_shipped_names_feed_all_four_meters() -> None:
    assert {rule.meter for rule in shipped("meters").rules if rule.meter} == {
        "facility_energy_ws",
        "it_energy_ws",
        "renewable_energy_ws",
        "water_ml",
    }
