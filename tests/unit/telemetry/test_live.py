"""Goal: the live view says what was heard last and only while it is fresh. Method: compare with a
dictionary of the newest good reading of each server, over any order of frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hexi_telemetry.domain.facts import ServerSetFacts
from hexi_telemetry.domain.frame import Frame, Metric
from hexi_telemetry.domain.live import Live
from hypothesis import given
from hypothesis import strategies as st

PERIOD_MS = 10_000
START_MS = 1_800_000_000_000
SERVERS = 12
# Racks of uneven size, their servers not next to each other.
SET = ServerSetFacts("lanzhou", 1, ("a", "b", "empty", "c"), (0, 1, 3, 1, 0, 0, 3, 3, 1, 0, 0, 1))


@dataclass
class Said:
    """One frame of four servers."""

    tick: int
    block: int
    watts: list[float]
    good: list[bool]


def frame(said: Said, revision: int = 1, facility_ws: int = 0, it_ws: int = 0) -> Frame:
    power = np.array(said.watts, np.float32)
    return Frame(
        "lanzhou",
        "1",
        1,
        1,
        revision,
        START_MS + said.tick * PERIOD_MS,
        PERIOD_MS,
        said.block * 4,
        4,
        {Metric.POWER_W: power, Metric.INLET_TEMPERATURE_C: power / 10},
        None if all(said.good) else np.array(said.good),
        facility_ws,
        it_ws,
        b"",
        b"",
    )


readings = st.builds(
    Said,
    st.integers(0, 8),
    st.integers(0, 2),
    st.lists(st.floats(0, 500, width=32), min_size=4, max_size=4),
    st.lists(st.booleans(), min_size=4, max_size=4),
)


@given(st.lists(readings, max_size=20))
def test_the_live_view_is_the_newest_good_fresh_reading_of_each_server(heard: list[Said]) -> None:
    live, newest = Live(), dict[int, tuple[int, np.float32]]()
    for said in heard:
        live.hear(frame(said), SET)
        known = max((newest[s][0] for s in _servers(said) if s in newest), default=-1)
        if said.tick > known:
            for server, watts, good in zip(_servers(said), said.watts, said.good, strict=True):
                if good:
                    newest[server] = (said.tick, np.float32(watts))
    now_ms = START_MS + 8 * PERIOD_MS
    fresh = {server: watts for server, (tick, watts) in newest.items() if tick >= 5}
    if not heard:
        assert live.site("lanzhou", now_ms) is None
        return
    site = live.site("lanzhou", now_ms)
    assert site is not None
    assert site.fresh_servers == len(fresh)
    assert site.coverage_ppm == len(fresh) * 1_000_000 // SERVERS
    assert site.server_power_w == pytest.approx(sum(map(float, fresh.values())))
    assert (site.inlet_max_c is None) == (not fresh)
    heard_racks = {SET.racks[SET.rack_index[server]] for server in fresh}
    silent = [name for name in ("a", "b", "c") if name not in heard_racks]
    assert live.silent_racks("lanzhou", now_ms) == silent


def _servers(said: Said) -> range:
    return range(said.block * 4, said.block * 4 + 4)


def test_pue_of_the_tick_comes_from_the_last_two_meter_readings() -> None:
    live, good = Live(), [True] * 4
    quiet = Said(1, 0, [100.0] * 4, good)
    live.hear(frame(quiet, facility_ws=1_000_000, it_ws=900_000), SET)
    assert live.province(START_MS + PERIOD_MS).pue_milli is None
    live.hear(frame(Said(2, 0, [100.0] * 4, good), 1, 1_012_500, 910_000), SET)
    province = live.province(START_MS + 2 * PERIOD_MS)
    assert (province.facility_w, province.it_power_w, province.pue_milli) == (1250.0, 1000.0, 1250)
    # A meter that went backwards was reset: no figure is better than a wrong one.
    live.hear(frame(Said(3, 0, [100.0] * 4, good), 1, 500, 400), SET)
    assert live.province(START_MS + 3 * PERIOD_MS).pue_milli is None


def test_a_new_revision_begins_with_nothing_and_an_old_one_is_not_heard() -> None:
    live, said = Live(), Said(1, 0, [100.0] * 4, [True] * 4)
    live.hear(frame(said), SET)
    live.hear(frame(said, revision=3), ServerSetFacts("lanzhou", 3, ("a",), (0,) * 6))
    live.hear(frame(Said(2, 1, [100.0] * 4, [True] * 4)), SET)
    site = live.site("lanzhou", START_MS + PERIOD_MS)
    assert site is not None
    assert (site.revision, site.servers, site.fresh_servers) == (3, 6, 4)
    assert live.site("qingyang", START_MS) is None
    assert live.silent_racks("qingyang", START_MS) == []
