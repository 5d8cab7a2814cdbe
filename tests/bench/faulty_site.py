"""A site whose true energy is known and one of whose sensors fails: what telemetry hears of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hexi_telemetry.domain.energy.points import point_of
from hexi_telemetry.domain.energy.sensors import SiteSensors
from hexi_telemetry.domain.frame import Frame, Metric
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FAULTS = ("loss", "stuck", "offset", "drift", "clock", "reset", "server set")
HOUR_MS = 3_600_000
START_MS = 480_000 * HOUR_MS
PERIOD_S, FINE_S = 30, 10
HOURS = 4
STEPS = HOURS * 3_600 // FINE_S
FACILITY, IT = 0, 1
# Revenue meters of class 0.5; sensors of servers are off each by its own, and a little together.
CLASS, SENSOR, TOGETHER, NOISE = 0.005, 0.02, 0.003, 0.005
LOSS = 0.05
FRAME = Frame("lanzhou", "1", 1, 1, 1, START_MS, PERIOD_S * 1_000, 0, 1, {}, None, 0, 0, b"", b"")


@dataclass
class Heard:
    """One column a step of 10 s; `watts` and `load` have a row a server."""

    at_ms: NDArray[np.int64]
    watts: Floats
    load: Floats
    good: NDArray[np.bool_]
    meters: NDArray[np.int64]  # facility, IT
    servers: NDArray[np.int64]


@dataclass
class Site:
    """The truth in joules up to each step, and what is heard of it."""

    truth: Floats  # facility, IT at its meter, servers
    heard: Heard
    has_it_meter: bool

    def rows(self) -> list[bytes]:
        """What the frames become; every third step is read."""
        heard, revision, found = self.heard, 0, []
        sensors = SiteSensors(1)
        for step in range(0, STEPS + 1, PERIOD_S // FINE_S):
            count = int(heard.servers[step])
            if count != len(sensors):
                sensors, revision = SiteSensors(count), revision + 1
            good = heard.good[:count, step]
            if not good.any():
                continue
            frame = replace(
                FRAME,
                revision=revision,
                observed_at_ms=int(heard.at_ms[step]),
                count=count,
                columns={
                    Metric.POWER_W: heard.watts[:count, step].astype(np.float32),
                    Metric.CPU_UTILISATION: heard.load[:count, step].astype(np.float32),
                },
                good=good,
                facility_energy_ws=int(heard.meters[FACILITY, step]),
                it_energy_ws=int(heard.meters[IT, step]) if self.has_it_meter else 0,
            )
            found.append(point_of(frame, count, sensors.hear(frame)))
        return found


def site(fault: str, seed: int) -> Site:
    """The first hour is sound; the fault begins somewhere in the second."""
    dice = np.random.default_rng([seed, FAULTS.index(fault)])
    most = int(dice.integers(100, 300))
    load = _load(dice, most)
    idle_w, full_w = dice.uniform(80, 300, most), dice.uniform(400, 1_500, most)
    watts = idle_w[:, None] + full_w[:, None] * load
    begin = int(dice.integers(3_600, 7_200) // FINE_S)
    servers = np.full(STEPS + 1, most, np.int64)
    if fault == "server set":
        few = int(most * dice.uniform(0.6, 0.9))
        servers[:begin], servers[begin:] = dice.permutation([few, most])
    present = np.arange(most)[:, None] < servers[None, :]
    drawn = (watts * present).sum(axis=0)
    it = drawn * dice.uniform(1.02, 1.04) + 2_000
    hours = np.arange(STEPS + 1) / (3_600 / FINE_S)
    overhead = dice.uniform(0.1, 0.4) * (1 + 0.15 * np.sin(hours + dice.uniform(0, 6)))
    truth = np.stack([_cumulated(flow) for flow in (it * (1 + overhead), it, drawn)])
    gain = 1 + dice.uniform(-CLASS, CLASS, 2)
    resolution = dice.choice([1, 3_600, 36_000])
    meters = truth[:2] * gain[:, None] + dice.integers(10**6, 10**12, 2)[:, None]
    sensor = (1 + SENSOR * dice.standard_normal(most)) * (1 + dice.uniform(-TOGETHER, TOGETHER))
    read = watts * sensor[:, None] * (1 + NOISE * dice.standard_normal(watts.shape))
    heard = Heard(
        START_MS + np.arange(STEPS + 1) * FINE_S * 1_000,
        np.rint(2 * read) / 2,
        load,
        dice.random(watts.shape) >= LOSS,
        (meters // resolution * resolution).astype(np.int64),
        servers,
    )
    made = Site(truth, heard, bool(dice.random() < 0.6))
    BREAKS[fault](made, begin, dice)
    return made


def _load(dice: np.random.Generator, servers: int) -> Floats:
    """Work comes and goes in blocks of some minutes, more or less of it over the hours."""
    blocks = STEPS // 30 + 2
    level = 0.5 + 0.3 * np.sin(np.linspace(0, dice.uniform(1, 4), blocks) + dice.uniform(0, 6))
    asked = (dice.random((servers, blocks)) < level).astype(np.float64)
    asked *= dice.uniform(0.4, 1, (servers, blocks))
    smooth = np.repeat(asked, 30, axis=1)[:, : STEPS + 1]
    return np.clip(smooth + 0.02 * dice.standard_normal(smooth.shape), 0, 1)


def _cumulated(flow: Floats) -> Floats:
    return np.append(0, np.cumsum((flow[1:] + flow[:-1]) / 2 * FINE_S))


def _some(site: Site, dice: np.random.Generator, low: float, high: float) -> NDArray[np.intp]:
    servers = len(site.heard.watts)
    return dice.choice(servers, max(1, int(servers * dice.uniform(low, high))), replace=False)


def _loss(site: Site, begin: int, dice: np.random.Generator) -> None:
    if dice.random() < 0.5:
        site.heard.good[:, begin : begin + int(dice.integers(12, 240))] = False
    else:
        site.heard.good[_some(site, dice, 0.01, 0.2), begin:] = False


def _stuck(site: Site, begin: int, dice: np.random.Generator) -> None:
    heard = site.heard
    if dice.random() < 0.5:
        some = _some(site, dice, 0.01, 0.1)
        heard.watts[some, begin:] = heard.watts[some, begin, None]
        return
    meter, end = dice.integers(2), begin + int(dice.integers(12, 180))
    stood = heard.meters[meter, begin]
    lost = heard.meters[meter, end] - stood
    heard.meters[meter, begin:end] = stood
    if dice.random() < 0.5:
        heard.meters[meter, end:] -= lost


def _offset(site: Site, begin: int, dice: np.random.Generator) -> None:
    heard = site.heard
    if dice.random() < 0.5:
        some = _some(site, dice, 0.01, 0.05)
        heard.watts[some, begin:] += dice.choice([-1, 1]) * dice.uniform(10, 60)
        np.maximum(heard.watts, 0, out=heard.watts)
    else:
        heard.meters[dice.integers(2), begin:] += int(dice.uniform(1e8, 1e10))


def _drift(site: Site, begin: int, dice: np.random.Generator) -> None:
    heard = site.heard
    away = np.maximum(np.arange(STEPS + 1) - begin, 0) / (3_600 / FINE_S)
    if dice.random() < 0.5:
        some = _some(site, dice, 0.01, 0.1)
        heard.watts[some] *= 1 + dice.uniform(-0.05, 0.05) * away
    else:
        flow = np.diff(heard.meters[IT], prepend=heard.meters[IT, 0])
        more = np.cumsum(flow * away * dice.uniform(-0.02, 0.02))
        heard.meters[IT] += more.astype(np.int64)


def _clock(site: Site, begin: int, dice: np.random.Generator) -> None:
    end = begin + int(dice.integers(60, 360)) if dice.random() < 0.5 else STEPS + 1
    site.heard.at_ms[begin:end] += int(dice.uniform(-120_000, 120_000))


def _reset(site: Site, begin: int, dice: np.random.Generator) -> None:
    meter = dice.integers(2)
    site.heard.meters[meter, begin:] -= site.heard.meters[meter, begin] - 1


def _server_set(site: Site, begin: int, dice: np.random.Generator) -> None:
    """It has changed already."""


BREAKS = dict(
    zip(FAULTS, (_loss, _stuck, _offset, _drift, _clock, _reset, _server_set), strict=True)
)
