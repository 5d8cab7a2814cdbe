"""Goal: the simulated site behaves as a site does. Method: load it, let time pass, look."""

import numpy as np
import pytest
from hexi_agent.domain.layout import lay_out
from hexi_agent.domain.load import Load, Share
from hexi_agent.domain.physics import Meters, SitePhysics, warmth_of_day

AT_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


def site(servers: int = 400, seed: int = 1) -> tuple[SitePhysics, Load]:
    load = Load(servers)
    return SitePhysics(lay_out("lanzhou", servers, seed), load, seed, 1_200), load


def test_power_follows_the_work_and_comes_back() -> None:
    physics, load = site()
    work = [Share(7, 64_000, 0)]
    idle_w = physics.step(Meters(), AT_MS).power_w[7]

    load.take(work)
    busy_w = physics.step(Meters(), AT_MS).power_w[7]
    load.give_back(work)

    assert busy_w > idle_w * 1.5
    assert physics.step(Meters(), AT_MS).power_w[7] == pytest.approx(idle_w, rel=0.1)


def test_no_server_exceeds_its_limit_or_grows_hot_at_full_load() -> None:
    layout = lay_out("lanzhou", 400, 1)
    load = Load(400)
    load.cpu_milli += layout.column("cpu_milli")
    load.accelerator_milli += layout.column("accelerators") * 1_000
    physics = SitePhysics(layout, load, 1, 1_200)
    meters = Meters()

    for minute in range(60):
        seen = physics.step(meters, AT_MS + minute * 60_000)
        meters = seen.meters

    assert (seen.power_w < 0.95 * layout.column("power_limit_w")).all()
    assert (seen.inlet_c < 32).all()
    assert ((seen.cpu >= 0) & (seen.cpu <= 1)).all()


def test_heat_lags_behind_power() -> None:
    physics, load = site()
    meters = physics.step(Meters(), AT_MS).meters
    before = float(physics.step(meters, AT_MS).inlet_c.mean())
    load.cpu_milli += 64_000

    soon = float(physics.step(Meters(AT_MS, 1, 1), AT_MS + 10_000).inlet_c.mean())
    later = float(physics.step(Meters(AT_MS + 10_000, 1, 1), AT_MS + HOUR_MS).inlet_c.mean())

    assert before < soon < later


def test_meters_count_whole_watt_seconds_and_pue_is_their_ratio() -> None:
    physics, _ = site()
    first = physics.step(Meters(), AT_MS).meters

    meters = first
    for step in range(1, 361):
        seen = physics.step(meters, AT_MS + step * 10_000)
        assert seen.meters.it_ws > meters.it_ws
        assert meters.renewable_ws <= seen.meters.renewable_ws < seen.meters.facility_ws
        assert seen.meters.water_ml >= meters.water_ml
        meters = seen.meters

    it_ws, facility_ws = meters.it_ws - first.it_ws, meters.facility_ws - first.facility_ws
    assert it_ws == pytest.approx(float(seen.power_w.sum()) * 3_600, rel=0.02)
    assert 1_170 <= facility_ws * 1_000 // it_ws <= 1_230


def test_meters_run_on_while_their_agent_is_down_but_not_for_ever() -> None:
    physics, _ = site()
    kept = Meters(AT_MS, 5_000, 6_000)

    after_a_minute = physics.step(kept, AT_MS + 60_000).meters
    after_a_year = physics.step(kept, AT_MS + 365 * 24 * HOUR_MS).meters
    after_an_hour = physics.step(kept, AT_MS + HOUR_MS).meters

    assert 5_000 < after_a_minute.it_ws < after_an_hour.it_ws
    assert after_a_year.it_ws == pytest.approx(after_an_hour.it_ws, rel=0.01)


def test_the_same_seed_and_moments_give_the_same_readings() -> None:
    one, other = site(seed=3)[0], site(seed=3)[0]

    for step in range(3):
        left, right = (p.step(Meters(), AT_MS + step) for p in (one, other))
        assert np.array_equal(left.power_w, right.power_w)
        assert np.array_equal(left.inlet_c, right.inlet_c)


def test_the_warmest_hour_is_three_in_the_afternoon_in_gansu() -> None:
    three_pm_ms = AT_MS // 86_400_000 * 86_400_000 + 7 * HOUR_MS

    assert warmth_of_day(three_pm_ms) == pytest.approx(1)
    assert warmth_of_day(three_pm_ms + 12 * HOUR_MS) == pytest.approx(-1)


def test_work_on_a_server_that_is_not_here_changes_nothing() -> None:
    physics, load = site(20)

    load.take([Share(99, 1_000, 0)])

    assert not load.cpu_milli.any()
    assert physics.watts_of([Share(99, 1_000, 0)]) == 0
