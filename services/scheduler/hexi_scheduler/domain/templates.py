"""What a template says for a team that does not: dated defaults, filled in where nothing is set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hexi_scheduler.domain.hours import HOUR_MS, HOURS, day, hour_of_day, hour_start_ms

Window = tuple[int, int]  # hours of the day, from and until


class Template(NamedTuple):
    """Nothing set: nothing filled in. With a slack, the deadline follows from the run."""

    priority: int = 0
    interruptible: bool = False
    checkpoint_interval_s: int = 0
    slack_s: int = 0
    window: Window | None = None
    distance_km_min: int = 0
    state_owned_cloud: bool = False
    security_grade_min: int = 0
    # Of work whose program is the template's own, and who runs it.
    argv: tuple[str, ...] = ()
    executor: str = ""


class Wishes(NamedTuple):
    """The fields that a template may fill; zero and nothing are "not said"."""

    priority: int = 0
    interruptible: bool = False
    checkpoint_interval_s: int = 0
    deadline_ms: int = 0
    not_before_ms: int = 0
    state_owned_cloud: bool = False
    security_grade_min: int = 0
    distance_km_min: int = 0
    distance_from_site_id: str = ""


class Templates(NamedTuple):
    """All there are, by number, from a date on; the later ones last."""

    run_s_unknown: int = 0
    dated: tuple[tuple[str, Mapping[int, Template]], ...] = ()

    def at(self, number: int, at_ms: int) -> Template | None:
        today = day(at_ms)
        begun = [templates for date, templates in self.dated if date <= today]
        return begun[-1].get(number) if begun else None


def filled(template: Template, said: Wishes, run_s: int, at_ms: int) -> Wishes:
    """What was said, and what the template says for the rest."""
    run_ms = run_s * 1_000
    not_before_ms, deadline_ms = said.not_before_ms, said.deadline_ms
    if template.window and not not_before_ms:
        start_ms, end_ms = next_window(template.window, run_ms, at_ms)
        if not deadline_ms or start_ms + run_ms <= deadline_ms:
            not_before_ms = start_ms if start_ms > at_ms else 0
            deadline_ms = deadline_ms or max(end_ms, start_ms + run_ms)
    if template.slack_s and not deadline_ms:
        deadline_ms = max(at_ms, not_before_ms) + run_ms + template.slack_s * 1_000
    # Far from what, if nobody has said where the first copy lies?
    from_site_id = said.distance_from_site_id
    distance_km = said.distance_km_min or (template.distance_km_min if from_site_id else 0)
    return Wishes(
        said.priority or template.priority,
        said.interruptible or template.interruptible,
        said.checkpoint_interval_s or template.checkpoint_interval_s,
        deadline_ms,
        not_before_ms,
        said.state_owned_cloud or template.state_owned_cloud,
        said.security_grade_min or template.security_grade_min,
        distance_km,
        from_site_id if distance_km else "",
    )


def next_window(window: Window, run_ms: int, at_ms: int) -> tuple[int, int]:
    """The window that runs, if the run still ends in it; else the next one."""
    first, last = window
    length_ms = ((last - first) % HOURS or HOURS) * HOUR_MS
    since_start_h = (hour_of_day(at_ms) - first) % HOURS
    start_ms = hour_start_ms(at_ms) - since_start_h * HOUR_MS
    if at_ms + run_ms > start_ms + length_ms and at_ms != start_ms:
        start_ms += HOURS * HOUR_MS
    return start_ms, start_ms + length_ms
