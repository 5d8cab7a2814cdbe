"""Goal: whatever ipmitool prints is a sensor, nothing or a finding, and no option is an argument of
another program. Method: lines as real ones print them, hypothesis, options that must not pass."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hexi_agent.mapping.match import RuleBook
from hexi_agent.mapping.rules import shipped
from hexi_agent.sources.findings import Finding
from hexi_agent.sources.ipmi.options import IpmiOptions, IpmiTarget
from hexi_agent.sources.ipmi.parse import read_dcmi, read_sensors
from hexi_agent.sources.ipmi.tool import arguments
from hypothesis import given
from hypothesis import strategies as st

EMPTY = ",,,,,,,,,,0.000,255.000"
PRINTED = f"""\
Inlet Temp,24,degrees C,ok,55.1,Air Inlet,Temperature{EMPTY}
CPU1 Temp,61,degrees C,nc,3.1,Processor,Temperature{EMPTY}
DIMM A1, B1,35,degrees C,ok,32.1,Memory Device,Temperature{EMPTY}
FAN1,8300,RPM,ok,29.1,Fan Device,Fan{EMPTY}
PS1 Input Power,240,Watts,ok,10.1,Power Supply,Power Supply{EMPTY}
PS2 Input Power,,,ns,10.2,Power Supply,Power Supply{EMPTY}
Pwr Consumption,252,Watts,ok,7.1,System Board,Current{EMPTY}
PS Redundancy,0x01,,ok,7.1,System Board,Power Supply{EMPTY}
P12V,12.180,Volts,ok,7.1,System Board,Voltage{EMPTY}
"""
DCMI = """
    Instantaneous power reading:                   228 Watts
    Minimum during sampling period:                 12 Watts
    IPMI timestamp:                           Thu Jan  1 00:00:00 1970
    Sampling period:                          00000001 Seconds.
    Power reading state is:                   activated
"""


PIECES = [*PRINTED.split(","), "\n", "nan", "1e999"]


def test_sensors_with_a_reading_are_read_and_silent_ones_are_not() -> None:
    printed = read_sensors(PRINTED)

    assert not printed.findings
    assert [(one.name, one.value, one.unit, one.entity) for one in printed.sensors] == [
        ("Inlet Temp", 24, "Cel", "55"),
        ("CPU1 Temp", 61, "Cel", "3"),
        ("DIMM A1, B1", 35, "Cel", "32"),
        ("FAN1", 8300, "{rev}/min", "29"),
        ("PS1 Input Power", 240, "W", "10"),
        ("Pwr Consumption", 252, "W", "7"),
        ("P12V", 12.18, "V", "7"),
    ]


def test_each_of_them_is_mapped_or_named() -> None:
    book = RuleBook(shipped("ipmi").rules)
    found = {
        one.name: book.match(
            f"ipmi/{one.type}", (("entity", one.entity), ("id", one.name)), one.unit
        )
        for one in read_sensors(PRINTED).sensors
    }

    assert {
        name: book.rules[match.feeds[0].rule].metric for name, match in found.items() if match.feeds
    } == {
        "Inlet Temp": "inlet_temperature_c",
        "CPU1 Temp": "cpu_temperature_c",
        "FAN1": "fan_speed_rpm",
        "PS1 Input Power": "power_w",
        "Pwr Consumption": "power_w",
    }
    assert "electrical" in found["P12V"].reason
    assert "place" in found["DIMM A1, B1"].reason


@pytest.mark.parametrize(
    ("text", "watts"),
    [(DCMI, 228.0), (DCMI.replace("activated", "deactivated"), None)],
)
def test_what_the_machine_takes(text: str, watts: float | None) -> None:
    assert read_dcmi(text) == watts


@pytest.mark.parametrize("text", ["", "    Instantaneous power reading:  lots Watts\n"])
def test_power_that_is_none_is_a_finding(text: str) -> None:
    assert isinstance(read_dcmi(text), Finding)


@given(
    st.text() | st.lists(st.sampled_from([*PRINTED.split(","), "\n", "nan", "1e999"])).map(",".join)
)
def test_anything_printed_is_sensors_and_findings(text: str) -> None:
    printed = read_sensors(text)
    read_dcmi(text)

    assert all(math.isfinite(one.value) for one in printed.sensors)
    assert len(printed.findings) <= 21


HOST = {"server": "s", "host": "bmc-1", "username": "u", "password": "/run/secret"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "-oProxyCommand=x"},
        {"host": "a b"},
        {"username": "-f"},
        {"username": "a;b"},
        {"username": ""},
        {"password": None},
        {"cipher_suite": 0},
        {"command": "chassis power off"},
    ],
)
def test_a_target_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        IpmiOptions.model_validate({"targets": [HOST | wrong]})


def test_the_password_is_no_argument() -> None:
    told = arguments(IpmiTarget.model_validate(HOST), ["sdr"])

    assert told[told.index("-f") + 1] == "/run/secret"
    assert told[-1] == "sdr"
    assert arguments(IpmiTarget(server="s"), ["sdr"]) == ["-I", "open", "sdr"]
