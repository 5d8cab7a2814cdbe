"""This machine's own sensors: what the kernel can tell, and nothing that it can not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
from hexi.telemetry.v1 import telemetry_pb2 as pb

from hexi_agent.domain.physics import Meters, Values
from hexi_agent.sources import Metric, Sample

POWERCAP = Path("/sys/class/powercap")
INLET_LABELS = ("inlet", "ambient", "systin", "front")


class HostSource:
    """One server of the site, at dense index `server`."""

    def __init__(self, server: int, powercap: Path = POWERCAP) -> None:
        self._server = server
        self._rapl = Rapl(powercap)
        self._last_ms = 0
        self._last_net: tuple[int, int] | None = None
        psutil.cpu_percent()  # the first answer has no interval and is thrown away

    def read(self, before: Meters, now_ms: int) -> Sequence[Sample]:
        elapsed_s = (now_ms - self._last_ms) / 1_000 if self._last_ms else 0.0
        self._last_ms = now_ms
        found: dict[Metric, float] = {
            pb.METRIC_CPU_UTILISATION: psutil.cpu_percent() / 100.0,
            pb.METRIC_MEMORY_UTILISATION: psutil.virtual_memory().percent / 100.0,
        }
        power_w = self._rapl.power_w(elapsed_s)
        if power_w is not None:
            found[pb.METRIC_POWER_W] = power_w
        inlet_c = inlet_temperature_c()
        if inlet_c is not None:
            found[pb.METRIC_INLET_TEMPERATURE_C] = inlet_c
        self._add_network(found, elapsed_s)
        columns: dict[Metric, Values] = {
            metric: np.array([value], "<f4") for metric, value in sorted(found.items())
        }
        return [Sample(self._server, 1, columns)]

    def _add_network(self, found: dict[Metric, float], elapsed_s: float) -> None:
        counters = psutil.net_io_counters()
        now = (counters.bytes_recv, counters.bytes_sent)
        if self._last_net is not None and elapsed_s > 0:
            for metric, new, old in zip(
                (pb.METRIC_NETWORK_RX_BYTES_PER_S, pb.METRIC_NETWORK_TX_BYTES_PER_S),
                now,
                self._last_net,
                strict=True,
            ):
                found[metric] = max(0, new - old) / elapsed_s
        self._last_net = now


class Rapl:
    """Energy counters of the packages, where the kernel shows them and lets us read them."""

    def __init__(self, powercap: Path = POWERCAP) -> None:
        self._zones = [
            zone
            for zone in sorted(powercap.glob("intel-rapl:*"))
            if zone.name.count(":") == 1 and _read_int(zone / "energy_uj") is not None
        ]
        self._last_uj: dict[Path, int] = {}

    def power_w(self, elapsed_s: float) -> float | None:
        """Mean power since the last call, or None."""
        total_uj, is_known = 0, bool(self._zones) and elapsed_s > 0
        for zone in self._zones:
            now_uj, last_uj = _read_int(zone / "energy_uj"), self._last_uj.get(zone)
            if now_uj is None:
                is_known = False
                continue
            self._last_uj[zone] = now_uj
            if last_uj is None:
                is_known = False
                continue
            if now_uj < last_uj:  # the counter went round
                now_uj += _read_int(zone / "max_energy_range_uj") or 0
            total_uj += max(0, now_uj - last_uj)
        return total_uj / 1e6 / elapsed_s if is_known else None


def inlet_temperature_c() -> float | None:
    """A sensor that says it is where air comes in; a core's temperature is not that."""
    read = getattr(psutil, "sensors_temperatures", None)
    if read is None:
        return None
    for name, sensors in sorted(read().items()):
        for sensor in sensors:
            label = f"{name} {sensor.label}".lower()
            if any(word in label for word in INLET_LABELS) and -40 < sensor.current < 100:
                return float(sensor.current)
    return None


def _read_int(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
