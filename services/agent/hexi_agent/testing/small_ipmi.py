"""A real baseboard controller on loopback: OpenIPMI's simulator, spoken to by ipmitool."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

USERNAME, PASSWORD = "reader", "secret1"
AUTHS = "none md2 md5 straight"
# Of the standard's table of units.
UNITS = {"degrees C": 1, "Volts": 4, "Watts": 6, "RPM": 18}
TYPES = {"Temperature": 1, "Voltage": 2, "Fan": 4, "Power Supply": 8}


class SimulatedSensor(NamedTuple):
    """value = `factor` × the byte `raw` × 10^`exponent`; a raw of None: it is silent."""

    name: str
    type: str
    unit: str
    entity: int
    raw: int | None
    factor: int = 1
    exponent: int = 0


def find_ipmi() -> tuple[Path, str]:
    """The folder of ipmitool and ipmi_sim, or why there is none."""
    told = os.environ.get("HEXI_IPMI_BIN")
    folder = Path(told or Path(shutil.which("ipmi_sim") or "/nowhere/ipmi_sim").parent)
    missing = [name for name in ("ipmi_sim", "ipmitool") if not (folder / name).exists()]
    return folder, f"no {' and '.join(missing)} here (./task test:ipmi)" if missing else ""


class SmallIpmi:
    """`port` of 127.0.0.1; the password is in the file `password`."""

    def __init__(self, bin_dir: Path, folder: Path, sensors: Sequence[SimulatedSensor]) -> None:
        self._bin_dir, self._folder = bin_dir, folder
        self.port, self.password = _free_port(), folder / "password"
        self._process: subprocess.Popen[bytes] | None = None
        self.password.write_text(PASSWORD + "\n")
        (folder / "lan.conf").write_text(_lan(self.port))
        lines = ["mc_setbmc 0x20", "mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02"]
        for number, sensor in enumerate(sensors, 1):
            lines += _sensor(number, sensor)
        (folder / "commands").write_text("\n".join([*lines, "mc_enable 0x20", ""]))
        (folder / "state").mkdir()

    def start(self) -> None:
        told = ["-n", "-c", "lan.conf", "-f", "commands", "-s", "state"]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._bin_dir / "ipmi_sim", *told],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)


def _lan(port: int) -> str:
    levels = ("callback", "user", "operator", "admin")
    allowed = "\n".join(f"    allowed_auths_{level} {AUTHS}" for level in levels)
    return f"""name "hexi"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
{allowed}
    guid a123456789abcdefa123456789abcdef
  endlan
  user 2 true "{USERNAME}" "{PASSWORD}" admin 10 {AUTHS}
"""


def _sensor(number: int, sensor: SimulatedSensor) -> list[str]:
    """The simulator's commands for a sensor and its record in the repository."""
    kind = TYPES[sensor.type]
    name = sensor.name.encode("ascii")
    head = [0x20, 0, number, sensor.entity, 1, 0x7F, 0x68, kind, 1, *[0] * 7, UNITS[sensor.unit]]
    scale = [0, 0, sensor.factor, 0, 0, 0, 0, (sensor.exponent & 0xF) << 4]
    body = [*head, *scale, 0, 0, 0, 0, 0xFF, *[0] * 12, 0xC0 | len(name), *name]
    record = " ".join(f"0x{byte:02x}" for byte in (number, 0, 0x51, 1, len(body), *body))
    scanning = "no-scanning" if sensor.raw is None else "scanning"
    none = " ".join(["0" * 15] * 4)
    return [
        f"sensor_add 0x20 0 {number} {kind} 1",
        f"sensor_set_value 0x20 0 {number} {sensor.raw or 0} 0",
        f"sensor_set_event_support 0x20 0 {number} enable {scanning} per-state {none}",
        f"main_sdr_add 0x20 {record}",
    ]


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
