"""What ipmitool prints, as readings; it quotes nothing, and sensors are called anything."""

from __future__ import annotations

import re
from typing import NamedTuple

from hexi_agent.sources.findings import Finding

LINES_MAX, LINE_CHARS_MAX = 4_096, 1_024
FINDINGS_MAX = 20
# Of a sensor that has a reading; the others have none, or only states.
_WITH_READING = frozenset(("ok", "nc", "cr", "nr", "lnr", "lcr", "lnc", "unc", "ucr", "unr"))
_STATUSES = _WITH_READING | {"ns", "na", "us"}
_UNITS = {
    "degrees C": "Cel",
    "degrees F": "[degF]",
    "Watts": "W",
    "Volts": "V",
    "Amps": "A",
    "RPM": "{rev}/min",
    "percent": "%",
    "unspecified": "",
}
_DCMI = re.compile(r"^\s*Instantaneous power reading:\s+(\d{1,9}) Watts\s*$", re.MULTILINE)
_STATE = re.compile(r"^\s*Power reading state is:\s+(\w+)", re.MULTILINE)


class Sensor(NamedTuple):
    """`entity` is what it sits on, as the standard numbers it: 3 processor, 55 air inlet."""

    type: str
    name: str
    entity: str
    value: float
    unit: str


class Printed(NamedTuple):
    """All of one output."""

    sensors: list[Sensor]
    findings: list[Finding]


def read_sensors(text: str) -> Printed:
    """Of `ipmitool -c -v sdr elist`: name, value, unit, status, entity, its name, type, …"""
    printed = Printed([], [])
    for number, line in enumerate(text.splitlines()):
        if number >= LINES_MAX:
            printed.findings.append(Finding("too-large", "sdr", f"over {LINES_MAX} lines"))
            break
        if not line.strip():
            continue
        found = _read_line(line[:LINE_CHARS_MAX])
        if isinstance(found, Sensor):
            printed.sensors.append(found)
        elif found is not None and len(printed.findings) < FINDINGS_MAX:
            printed.findings.append(found)
    return printed


def read_dcmi(text: str) -> float | Finding | None:
    """Watts of `ipmitool dcmi power reading`; None where the measurement is switched off."""
    state, found = _STATE.search(text), _DCMI.search(text)
    if state is not None and state[1] != "activated":
        return None
    if found is None:
        return Finding("not-a-number", "dcmi", "expected an instantaneous power reading")
    return float(found[1])


def _read_line(line: str) -> Sensor | Finding | None:
    """A name may hold commas: the first status after a value and a unit ends it."""
    fields = line.split(",")
    at = next((n for n, field in enumerate(fields) if n >= 3 and field in _STATUSES), 0)
    if not at:
        return Finding("not-a-sensor", line[:40], "expected name, value, unit and status")
    name, (value, unit), status = ",".join(fields[: at - 2]), fields[at - 2 : at], fields[at]
    if status not in _WITH_READING or not unit:
        return None
    try:
        number = float(value)
    except ValueError:
        return Finding("not-a-number", name, f"expected a number, was {value!r:.40}")
    if number - number != 0:
        return Finding("not-a-number", name, f"expected a number, was {value!r:.40}")
    more = [*fields[at + 1 :], "", "", ""]
    return Sensor(more[2] or "Sensor", name, more[0].partition(".")[0], number, _word(unit))


def _word(unit: str) -> str:
    return _UNITS.get(unit, unit)
