"""Goal: sensors come from a controller through ipmitool, and a tool that hangs, floods, fails or is
absent delays nobody. Method: OpenIPMI's simulator where it is; scripts in ipmitool's place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hexi_agent.sources.ipmi.options import IpmiOptions
from hexi_agent.sources.ipmi.source import IpmiSource, make
from hexi_agent.testing.collected import Collected, Noted, collecting
from hexi_agent.testing.small_ipmi import USERNAME, SimulatedSensor, SmallIpmi, find_ipmi
from hexi_kit.clock import SystemClock

SENSORS = [
    SimulatedSensor("Inlet Temp", "Temperature", "degrees C", 55, 24),
    SimulatedSensor("CPU1 Temp", "Temperature", "degrees C", 3, 61),
    SimulatedSensor("FAN1", "Fan", "RPM", 29, 83, factor=100),
    SimulatedSensor("PS1 Input Power", "Power Supply", "Watts", 10, 60, factor=4),
    SimulatedSensor("PS2 Input Power", "Power Supply", "Watts", 10, None),
    SimulatedSensor("P12V", "Voltage", "Volts", 7, 203, factor=6, exponent=-2),
]


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[tuple[SmallIpmi, Path]]:
    bin_dir, missing = find_ipmi()
    if missing:
        pytest.skip(missing)
    small = SmallIpmi(bin_dir, tmp_path, SENSORS)
    small.start()
    yield small, bin_dir
    small.stop()


def last_of(heard: Collected) -> dict[str, float]:
    """The last of each sensor."""
    return {dict(one.labels).get("id", one.name): one.value for one in heard.readings}


def source_of(tool: Path, *targets: dict[str, Any], **more: Any) -> IpmiSource:
    options = {"tool": str(tool), "targets": targets, "period_ms": 100, "timeout_ms": 2_000}
    return make(IpmiOptions.model_validate(options | more), SystemClock())


async def test_a_controller_is_read_over_the_network(controller: tuple[SmallIpmi, Path]) -> None:
    small, bin_dir = controller
    target = {
        "server": "s0",
        "host": "127.0.0.1",
        "port": small.port,
        "username": USERNAME,
        "password": small.password,
        "cipher_suite": 3,
    }
    source = source_of(bin_dir / "ipmitool", target)

    async with collecting(source) as heard:
        await heard.until(lambda: len(heard.readings) >= 10)

    assert last_of(heard) == {
        "Inlet Temp": 24.0,
        "CPU1 Temp": 61.0,
        "FAN1": 8_300.0,
        "PS1 Input Power": 240.0,
        "P12V": 12.18,
    }
    assert source.findings.counts[("s0", "no-dcmi")] == 1


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


async def test_tools_that_hang_flood_fail_or_are_absent_delay_nobody(tmp_path: Path) -> None:
    tool = script(
        tmp_path,
        "ipmitool",
        """case "$*" in
*dcmi*) echo "    Instantaneous power reading:      228 Watts" ;;
*"-H deaf "*) exec tail -f /dev/null ;;
*"-H flood "*) exec yes ;;
*"-H mad "*) echo "not a sensor"; echo "a,b,c,ok" ;;
*"-H wrong "*) echo "Error: Unable to establish session" >&2; exit 1 ;;
*) echo "Inlet Temp,24,degrees C,ok,55.1,Air Inlet,Temperature" ;;
esac""",
    )
    secret = {"username": "u", "password": tmp_path / "secret"}
    names = ("good", "deaf", "flood", "mad", "wrong")
    targets = [{"server": name, "host": name} | secret for name in names]
    source = source_of(tool, *targets, timeout_ms=300, concurrency=2)
    expected = {(who, "no-answer") for who in ("deaf", "flood", "wrong")}
    expected |= {("mad", "not-a-sensor"), ("mad", "not-a-number")}
    found = source.findings.counts

    async with collecting(source) as heard:
        await heard.until(lambda: len(heard.of("good")) >= 20)
        await heard.until(
            lambda: {(who.partition(" ")[0], kind) for who, kind in found} >= expected
        )

    assert {one.subject for one in heard.readings if one.labels} == {"good"}


async def test_without_the_tool_it_is_a_finding(tmp_path: Path) -> None:
    good = script(tmp_path, "late", 'echo "FAN1,1,RPM,ok,29.1,Fan,Fan"')
    source = source_of(tmp_path / "ipmitool", {"server": "s0"})
    source.findings = noted = Noted(source.name)

    async with collecting(source) as heard:
        await noted.first()
        await asyncio.to_thread(good.rename, tmp_path / "ipmitool")
        await heard.until(lambda: last_of(heard).get("FAN1") == 1.0)

    assert {kind for _, kind in noted.counts} == {"no-answer"}
