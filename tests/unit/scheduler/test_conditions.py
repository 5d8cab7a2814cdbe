"""Hysteresis of the conditions: in at one threshold, out at another, silence by the clock."""

from __future__ import annotations

import numpy as np
from hexi_scheduler.domain.facts import Condition
from hexi_scheduler.domain.place.conditions import Change, Readings, Watch
from hexi_scheduler.settings import condition_rules

PERIOD_MS = 10_000
HOT_ONLY = condition_rules()._replace(warm_on_c=100)


def frame(
    at_ms: int,
    inlet: list[float] | None = None,
    power: list[float] | None = None,
    good: list[bool] | None = None,
    first: int = 0,
) -> Readings:
    count = len(inlet or power or good or [])
    return Readings(
        first,
        np.array(good or [True] * count),
        np.array(inlet, dtype=np.float32) if inlet else None,
        np.array(power, dtype=np.float32) if power else None,
        at_ms,
        PERIOD_MS,
    )


def said(changes: list[Change]) -> list[tuple[Condition, bool, tuple[int, ...]]]:
    return [(c.condition, c.active, c.servers) for c in changes]


def test_hot_goes_in_over_the_upper_and_out_under_the_lower_threshold() -> None:
    watch = Watch(HOT_ONLY, [500] * 3)

    assert said(watch.hear(frame(0, [35.0, 35.5, 20.0]))) == [(Condition.HOT, True, (1,))]
    assert not watch.hear(frame(1, [34.0, 33.0, 20.0]))
    assert said(watch.hear(frame(2, [20.0, 31.9, 36.0]))) == [
        (Condition.HOT, True, (2,)),
        (Condition.HOT, False, (1,)),
    ]


def test_power_is_judged_against_each_servers_own_limit() -> None:
    watch = Watch(condition_rules(), [500, 1_000, 0])

    assert said(watch.hear(frame(0, power=[501.0, 900.0, 9_000.0]))) == [
        (Condition.OVER_POWER, True, (0,))
    ]
    assert not watch.hear(frame(1, power=[480.0, 1_000.0, 9_000.0]))
    assert said(watch.hear(frame(2, power=[470.0, 1_001.0, 0.0]))) == [
        (Condition.OVER_POWER, True, (1,)),
        (Condition.OVER_POWER, False, (0,)),
    ]


def test_bad_readings_judge_nothing_and_make_silent_after_three_periods() -> None:
    watch = Watch(condition_rules(), [500] * 2)
    watch.hear(frame(0, [20.0, 20.0]))

    assert not watch.hear(frame(PERIOD_MS, [20.0, 99.0], good=[True, False]))
    watch.hear(frame(3 * PERIOD_MS, [20.0, 20.0], good=[True, False]))
    assert not watch.look(3 * PERIOD_MS)
    watch.hear(frame(4 * PERIOD_MS, [20.0, 20.0], good=[True, False]))
    assert said(watch.look(4 * PERIOD_MS)) == [(Condition.SILENT, True, (1,))]
    assert not watch.look(4 * PERIOD_MS)
    assert said(watch.hear(frame(5 * PERIOD_MS, [20.0, 20.0]))) == [(Condition.SILENT, False, (1,))]


def test_who_reads_late_calls_nobody_silent_but_a_whole_site_falls_silent_by_the_clock() -> None:
    rules = condition_rules()
    watch = Watch(rules, [500] * 2)
    watch.hear(frame(PERIOD_MS, [20.0, 20.0]))

    assert not watch.look(PERIOD_MS + rules.site_silent_ms)
    assert said(watch.look(PERIOD_MS + rules.site_silent_ms + 1)) == [
        (Condition.SILENT, True, (0, 1))
    ]


def test_a_site_that_never_spoke_is_not_called_silent() -> None:
    assert not Watch(condition_rules(), [500] * 2).look(10**12)


def test_servers_beyond_the_set_are_left_out_and_offsets_hold() -> None:
    watch = Watch(HOT_ONLY, [500] * 4)
    watch.starts_with(Condition.HOT, (3, 77))

    assert said(watch.hear(frame(0, [40.0, 20.0, 40.0, 40.0], first=2))) == [
        (Condition.HOT, True, (2,)),
        (Condition.HOT, False, (3,)),
    ]
    assert not watch.hear(frame(1, [40.0], first=9))


def test_a_server_is_warm_two_degrees_before_it_is_hot() -> None:
    watch = Watch(condition_rules(), [500] * 2)

    assert said(watch.hear(frame(0, [33.5, 33.0]))) == [(Condition.WARM, True, (0,))]
    assert not watch.hear(frame(1, [31.0, 32.0]))
    assert said(watch.hear(frame(2, [30.9, 20.0]))) == [(Condition.WARM, False, (0,))]


def test_a_site_is_lost_when_it_is_silent_for_longer_still() -> None:
    rules = condition_rules()
    watch = Watch(rules, [500] * 2)

    assert not watch.lost_since_ms(10**12)
    watch.hear(frame(PERIOD_MS, [20.0, 20.0]))
    assert not watch.lost_since_ms(PERIOD_MS + rules.site_lost_ms)
    assert watch.lost_since_ms(PERIOD_MS + rules.site_lost_ms + 1) == PERIOD_MS
