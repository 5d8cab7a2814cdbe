"""A template fills what a team left open and never what it said, from the date of its file on."""

from __future__ import annotations

import pytest
from hexi.scheduler.v1 import workload_pb2
from hexi_scheduler.domain.hours import HOUR_MS
from hexi_scheduler.domain.templates import Template, Templates, Wishes, filled, next_window
from hexi_scheduler.settings import templates
from hexi_scheduler.wire.template import fill
from hypothesis import given
from hypothesis import strategies as st

DAY_MS = 24 * HOUR_MS
# 2026-11-21, midnight in Shanghai
MIDNIGHT_MS = 1_795_190_400_000
NIGHT = (22, 6)


def spec(template: str, **said: object) -> workload_pb2.WorkloadSpec:
    number = workload_pb2.Template.Value(f"TEMPLATE_{template}")
    return workload_pb2.WorkloadSpec(template=number, duration_s=7_200, **said)  # type: ignore[arg-type]  # any field


def after(asked: workload_pb2.WorkloadSpec, at_ms: int = MIDNIGHT_MS) -> workload_pb2.WorkloadSpec:
    fill(templates(), asked, at_ms)
    return asked


def test_render_may_be_interrupted_and_ends_by_the_next_half_day() -> None:
    found = after(spec("RENDER"))

    assert (found.interruptible, found.priority) == (True, 50)
    assert found.deadline_ms == MIDNIGHT_MS + 14 * HOUR_MS
    assert after(spec("RENDER", duration_s_max=9)).deadline_ms == found.deadline_ms
    unknown = spec("RENDER")
    unknown.duration_s = 0
    assert after(unknown).deadline_ms == MIDNIGHT_MS + 13 * HOUR_MS


def test_a_backup_runs_at_night_far_from_the_first_copy() -> None:
    first = workload_pb2.Input(site_id="lanzhou", bytes=10**12)
    noon_ms = MIDNIGHT_MS + 12 * HOUR_MS

    found = after(spec("BACKUP", inputs=[first]), noon_ms)

    assert found.not_before_ms == MIDNIGHT_MS + 22 * HOUR_MS
    assert found.deadline_ms == MIDNIGHT_MS + 30 * HOUR_MS
    wished = found.constraints
    assert (wished.distance_km_min, wished.distance_from_site_id) == (300, "lanzhou")
    assert after(spec("BACKUP")).constraints == workload_pb2.Constraints()
    assert after(spec("BACKUP")).not_before_ms == 0


def test_a_benchmark_brings_its_own_program() -> None:
    found = after(spec("MEASURE_COMPUTE"))

    assert (list(found.command.argv), found.constraints.executor) == (["hexi-measure"], "host")
    own = workload_pb2.Command(argv=["hexi-measure", "A100"])
    assert after(spec("MEASURE_COMPUTE", command=own)).command == own


def test_public_service_stays_in_the_state_owned_cloud() -> None:
    wished = after(spec("PUBLIC_SERVICE")).constraints

    assert wished.state_owned_cloud
    assert wished.security_grade_min == 3


def test_what_a_team_says_wins() -> None:
    wished = workload_pb2.Constraints(
        security_grade_min=4, distance_km_min=900, distance_from_site_id="jiuquan"
    )
    said = {"priority": 7, "deadline_ms": MIDNIGHT_MS + 9 * HOUR_MS, "not_before_ms": 5}

    for template in ("STORE", "RENDER", "TRAIN", "BACKUP", "INFERENCE", "PUBLIC_SERVICE"):
        found = after(spec(template, constraints=wished, checkpoint_interval_s=11, **said))
        assert {name: getattr(found, name) for name in said} == said
        assert found.checkpoint_interval_s == 11
        found.constraints.state_owned_cloud = False
        assert found.constraints == wished


def test_without_a_template_and_before_its_date_nothing_is_filled() -> None:
    for asked, at_ms in ((spec("UNSPECIFIED"), MIDNIGHT_MS), (spec("RENDER"), 0)):
        before = workload_pb2.WorkloadSpec.FromString(asked.SerializeToString())
        assert after(asked, at_ms) == before


def test_of_two_dates_the_later_one_holds_once_it_has_come() -> None:
    first, second = {2: Template(priority=1)}, {2: Template(priority=2)}
    both = Templates(0, (("2026-01-01", first), ("2026-11-21", second)))

    found = [both.at(2, at_ms) for at_ms in (MIDNIGHT_MS - 1, MIDNIGHT_MS)]

    assert found == [first[2], second[2]]


@pytest.mark.parametrize(
    ("hour", "run_h", "starts"),
    [(12, 2, 22), (22, 8, 22), (23, 2, 23), (23, 8, 46), (3, 2, 3), (5, 2, 22), (12, 20, 22)],
)
def test_a_window_is_used_while_a_run_still_fits(hour: int, run_h: int, starts: int) -> None:
    at_ms = MIDNIGHT_MS + hour * HOUR_MS

    start_ms, end_ms = next_window(NIGHT, run_h * HOUR_MS, at_ms)

    assert max(start_ms, at_ms) == MIDNIGHT_MS + starts * HOUR_MS
    assert end_ms - start_ms == 8 * HOUR_MS


@given(
    st.builds(
        Template,
        slack_s=st.integers(0, 10**6),
        window=st.one_of(st.none(), st.just(NIGHT), st.just((1, 5))),
    ),
    st.integers(0, DAY_MS),
    st.integers(1, 100_000),
    st.sampled_from([0, MIDNIGHT_MS + DAY_MS]),
)
def test_a_deadline_filled_in_can_be_kept(
    template: Template, into_ms: int, run_s: int, not_before_ms: int
) -> None:
    at_ms = MIDNIGHT_MS + into_ms

    found = filled(template, Wishes(not_before_ms=not_before_ms), run_s, at_ms)

    if found.deadline_ms:
        assert max(at_ms, found.not_before_ms) + run_s * 1_000 <= found.deadline_ms
    assert found.not_before_ms >= not_before_ms
