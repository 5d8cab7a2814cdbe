"""Goal: a simulated run starts once, ends once, on time. Method: orders and moments by hand."""

from hexi_agent.domain.load import Load, Share
from hexi_agent.domain.simulated_runs import RunOrder, RunState, SimulatedRuns

NOW_MS = 1_800_000_000_000
SHARE = Share(3, 2_000, 1_500)


def order(
    name: str = "p1", duration_s: int = 60, most_s: int = 0, started_at_ms: int = 0
) -> RunOrder:
    return RunOrder(name, (SHARE, SHARE), duration_s, most_s, started_at_ms)


def runs() -> tuple[SimulatedRuns, Load]:
    load = Load(10)
    return SimulatedRuns(load, lambda shares: 100.0 * len(shares)), load


def test_a_run_starts_when_ordered_and_ends_when_its_time_is_over() -> None:
    site, load = runs()

    started = site.begin(order(), NOW_MS)
    assert [(e.state, e.at_ms) for e in started] == [(RunState.STARTED, NOW_MS)]
    assert (load.cpu_milli[3], load.accelerator_milli[3]) == (4_000, 3_000)
    assert site.end_due(NOW_MS + 59_999) == []
    ended = site.end_due(NOW_MS + 61_000)

    assert [(e.state, e.at_ms, e.exit_code) for e in ended] == [
        (RunState.ENDED, NOW_MS + 60_000, 0)
    ]
    assert ended[0].energy_ws == 200 * 60
    assert ended[0].cpu_us == 4 * 60_000_000
    assert not load.cpu_milli.any() and not load.accelerator_milli.any()


def test_an_order_that_comes_again_starts_nothing() -> None:
    site, load = runs()
    site.begin(order(), NOW_MS)

    assert site.begin(order(started_at_ms=NOW_MS), NOW_MS + 5) == []
    site.end_due(NOW_MS + 60_000)
    echo = site.begin(order(started_at_ms=NOW_MS), NOW_MS + 60_001)

    assert echo == [] and len(site) == 0 and not load.cpu_milli.any()


def test_after_a_restart_a_started_run_goes_on_from_its_recorded_start() -> None:
    site, _ = runs()

    assert site.begin(order(started_at_ms=NOW_MS - 45_000), NOW_MS) == []

    assert [e.at_ms for e in site.end_due(NOW_MS + 15_000)] == [NOW_MS + 15_000]


def test_a_run_whose_time_was_over_while_we_were_away_ends_at_that_time() -> None:
    site, _ = runs()
    site.begin(order(started_at_ms=NOW_MS - 100_000), NOW_MS)

    assert [e.at_ms for e in site.end_due(NOW_MS)] == [NOW_MS - 40_000]


def test_what_was_taken_back_does_not_end() -> None:
    site, load = runs()
    site.begin(order("p1"), NOW_MS)
    site.begin(order("p2"), NOW_MS)

    site.take_back("p1")
    site.take_back("unknown")
    site.keep_only({"p3"})

    assert site.end_due(NOW_MS + 600_000) == []
    assert len(site) == 0 and not load.cpu_milli.any()


def test_no_run_is_longer_than_its_longest_time() -> None:
    site, _ = runs()
    site.begin(order(duration_s=600, most_s=30), NOW_MS)

    (ended,) = site.end_due(NOW_MS + 30_000)

    assert (ended.exit_code, ended.reason) == (124, "duration_s_max reached")


def test_ten_minutes_where_nobody_said_how_long() -> None:
    site, _ = runs()
    site.begin(order(duration_s=0), NOW_MS)

    assert site.end_due(NOW_MS + 599_999) == []
    assert len(site.end_due(NOW_MS + 600_000)) == 1
