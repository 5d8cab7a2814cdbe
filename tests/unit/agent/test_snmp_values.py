"""Goal: whatever an SNMP agent says is a number, a finding or nothing, and bad tables are refused.
Method: hypothesis; what vendors are known to write by hand."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hexi_agent.sources.findings import Finding
from hexi_agent.sources.snmp.options import Object, SnmpOptions
from hexi_agent.sources.snmp.values import number_of
from hypothesis import given
from hypothesis import strategies as st


def wanted(**more: Any) -> Object:
    return Object.model_validate({"name": "a", "oid": "1.3.6.1"} | more)


@given(st.none() | st.integers() | st.binary(max_size=80) | st.floats().map(repr).map(str.encode))
def test_anything_said_is_a_number_or_a_finding(said: int | bytes | None) -> None:
    found = number_of(wanted(), said)

    assert isinstance(found, Finding) or (found is not None and math.isfinite(found))


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (7, 7.0),
        (b" 21.5 ", 21.5),
        (b"\x9f\x78\x04" + struct.pack(">f", 2.5), 2.5),
        (b"\x9f\x79\x08" + struct.pack(">d", 0.1), 0.1),
        (2**64 - 1, float(2**64 - 1)),
    ],
)
def test_what_agents_write_numbers_with(said: int | bytes, value: float) -> None:
    assert number_of(wanted(), said) == value


@pytest.mark.parametrize("said", [None, b"", b"warm", b"\x9f\x78\x04\x00", b"nan", b"1e999", 2**64])
def test_what_is_none_is_a_finding(said: int | bytes | None) -> None:
    assert isinstance(number_of(wanted(), said), Finding)


def test_scale_offset_and_the_agents_own_word_for_nothing() -> None:
    told = wanted(scale=0.1, offset=-10, invalid=[-1])

    assert number_of(told, 350) == 25.0
    assert number_of(told, -1) is None


TARGET = {"subject": "p", "host": "h", "community": "c", "map": "a"}
OBJECT = {"name": "a", "oid": "1.3.6.1"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"targets": [TARGET | {"map": "b"}]},
        {"targets": [TARGET | {"community": None}]},
        {"targets": [TARGET | {"user": {"name": "u", "hash_key": "k"}}]},
        {"targets": [TARGET | {"community": None, "user": {"name": "u"}}]},
        {
            "targets": [
                TARGET
                | {"community": None, "user": {"name": "u", "hash_key": "k", "cipher": "des"}}
            ]
        },
        {"maps": {"a": [OBJECT | {"oid": "sysDescr.0"}]}},
        {"maps": {"a": [OBJECT, OBJECT]}},
        {"maps": {"a": []}},
        {"rows_max": 0},
    ],
)
def test_a_table_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        SnmpOptions.model_validate({"targets": [TARGET], "maps": {"a": [OBJECT]}} | wrong)
