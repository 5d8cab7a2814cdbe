"""Goal: a rack is called silent when and only when it is, once for each silence."""

from __future__ import annotations

import numpy as np
import pytest
from hexi_security_monitor.domain.watch import RackMap, Reading, Silence, Watch
from hypothesis import given
from hypothesis import strategies as st

PERIODS, PERIOD_MS, T0_MS = 3, 10_000, 1_000_000
RACKS, EACH = 4, 3


def a_map(revision: int = 1, racks: tuple[str, ...] = ("r0", "r1", "r2", "r3")) -> RackMap:
    return RackMap("s", revision, racks, np.repeat(np.arange(len(racks), dtype=np.int32), EACH))


def reading(step: int, bad: set[int] = frozenset(), revision: int = 1) -> Reading:
    good = np.array([i // EACH not in bad for i in range(RACKS * EACH)])
    return Reading("s", revision, T0_MS + step * PERIOD_MS, PERIOD_MS, 0, good)


def follow(
    bad_at: list[set[int]], watch: Watch | None = None
) -> tuple[Watch, list[tuple[int, Silence]]]:
    watch, heard = watch or Watch.begin(a_map()), []
    for step, bad in enumerate(bad_at):
        watch, fallen = watch.read(reading(step, bad), PERIODS)
        heard += [(step, silence) for silence in fallen]
    return watch, heard


def test_rack_falls_silent_after_the_periods_and_is_told_once() -> None:
    _, heard = follow([set(), *[{2}] * 8])

    ((step, silence),) = heard
    assert step == PERIODS + 1
    assert silence == Silence("s", "r2", T0_MS, T0_MS + step * PERIOD_MS)


def test_rack_that_comes_back_may_fall_silent_again() -> None:
    _, heard = follow([set(), *[{2}] * 5, set(), *[{2}] * 5])
    assert len(heard) == 2
    assert len({silence.since_ms for _, silence in heard}) == 2


def test_site_that_is_silent_as_a_whole_has_no_silent_rack() -> None:
    _, heard = follow([set(), *[{0, 1, 2, 3}] * 9])
    assert heard == []


def test_rack_that_never_spoke_is_not_watched() -> None:
    _, heard = follow([{1}] * 9)
    assert heard == []


def test_one_good_server_keeps_its_rack_alive() -> None:
    watch = Watch.begin(a_map())
    for step in range(9):
        good = np.ones(RACKS * EACH, np.bool_)
        good[0:2] = False
        one = Reading("s", 1, T0_MS + step * PERIOD_MS, PERIOD_MS, 0, good)
        watch, fallen = watch.read(one, PERIODS)
        assert fallen == ()


def test_frames_of_another_revision_say_nothing() -> None:
    watch, _ = follow([set()])
    after, fallen = watch.read(reading(99, {1}, revision=2), PERIODS)
    assert (after, fallen) == (watch, ())


def test_frames_beyond_the_set_say_nothing() -> None:
    watch, _ = follow([set()])
    beyond = Reading("s", 1, T0_MS, PERIOD_MS, 5, np.ones(RACKS * EACH, np.bool_))
    assert watch.read(beyond, PERIODS)[1] == ()


def test_new_revision_keeps_what_is_known_by_the_racks_name() -> None:
    watch, _ = follow([set(), {0}])
    after = Watch.begin(a_map(2, ("r1", "r0", "new", "r3")), watch)

    assert after.last_good_ms.tolist() == [T0_MS + PERIOD_MS, T0_MS, 0, T0_MS + PERIOD_MS]


@pytest.mark.parametrize("first", [0, 3])
def test_chunks_of_a_site_are_read_by_their_place(first: int) -> None:
    watch = Watch.begin(a_map())
    chunk = Reading("s", 1, T0_MS, PERIOD_MS, first, np.ones(EACH, np.bool_))
    after, _ = watch.read(chunk, PERIODS)
    assert np.flatnonzero(after.last_good_ms).tolist() == [first // EACH]


def test_racks_of_servers() -> None:
    assert a_map().racks_of(2, 2) == ("r0", "r1")
    assert a_map().racks_of(11, 99) == ("r3",)
    assert a_map().racks_of(99, 1) == ()


@given(st.lists(st.frozensets(st.integers(0, RACKS - 1)), min_size=1, max_size=30))
def test_silence_is_told_as_a_plain_loop_would(bad_at: list[frozenset[int]]) -> None:
    _, heard = follow([set(bad) for bad in bad_at])

    expected, last_good, silent = [], {}, set()
    for step, bad in enumerate(bad_at):
        last_good |= {rack: step for rack in range(RACKS) if rack not in bad}
        alive = {rack for rack, good in last_good.items() if good >= step - PERIODS}
        silent -= alive
        if alive:
            new = sorted(last_good.keys() - alive - silent)
            expected += [(step, f"r{rack}") for rack in new]
            silent |= set(new)
    assert [(step, silence.rack) for step, silence in heard] == expected
