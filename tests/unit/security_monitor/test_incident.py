"""Goal: clocks, blast radius and the life of an incident hold in every case."""

from __future__ import annotations

from datetime import date

import pytest
from hexi_kit.errors import FailedPrecondition
from hexi_security_monitor.domain.clocks import SiteStanding
from hexi_security_monitor.domain.containment import Directive, contain
from hexi_security_monitor.domain.event import Finding, Severity
from hexi_security_monitor.domain.incident import Incident, IncidentState, Step, open_incident
from hexi_security_monitor.store.rule_files import load_text, parse_clocks
from hypothesis import given
from hypothesis import strategies as st

CLOCKS = parse_clocks(load_text("incident-clocks-2025"))
TODAY = date(2026, 11, 21)
MINUTE_MS = 60_000
FINDING = Finding(
    "f1", "frame-tampered", "Tampered", Severity.HIGH, "s", 2_000, 1_000, ("e1",), (), "d"
)


def minutes(site: SiteStanding, severity: Severity, day: date = TODAY) -> list[int]:
    found = CLOCKS.deadlines(site, severity, 1_000, day)
    return [(deadline.due_at_ms - 1_000) // MINUTE_MS for deadline in found]


@pytest.mark.parametrize(
    ("site", "severity", "due"),
    [
        (SiteStanding("s", 2), Severity.HIGH, [240]),
        (SiteStanding("", 0), Severity.LOW, [240]),
        (SiteStanding("s", 4), Severity.MEDIUM, [60]),
        (SiteStanding("s", 4), Severity.HIGH, [60, 90]),
        (SiteStanding("s", 3, True), Severity.CRITICAL, [60, 90]),
        (SiteStanding("s", 3, False), Severity.CRITICAL, [240]),
    ],
)
def test_legal_clocks_run_from_the_first_event(
    site: SiteStanding, severity: Severity, due: list[int]
) -> None:
    assert minutes(site, severity) == due


def test_no_clock_runs_before_the_law_is_in_force() -> None:
    assert minutes(SiteStanding("s", 4), Severity.HIGH, date(2025, 10, 31)) == []


def test_a_document_without_a_clock_for_everybody_else_is_refused() -> None:
    text = load_text("incident-clocks-2025").replace("kind: other", "kind: central-organ")
    with pytest.raises(ValueError, match="every other site"):
        parse_clocks(text)


def test_incident_opens_at_the_first_event() -> None:
    incident = open_incident(FINDING, ())
    assert incident.opened_at_ms == FINDING.first_seen_ms
    assert incident == open_incident(FINDING, ())


@given(st.lists(st.sampled_from(IncidentState), max_size=12))
def test_states_are_passed_in_order_and_each_step_is_kept(wanted: list[IncidentState]) -> None:
    incident: Incident = open_incident(FINDING, ())
    for at_ms, state in enumerate(wanted):
        try:
            incident = incident.advance(Step(state, "soc", at_ms, ""))
        except FailedPrecondition:
            assert state != incident.state + 1
    assert [step.state for step in incident.steps] == list(IncidentState)[1 : incident.state]


def directive(racks: tuple[str, ...], automatic: bool = True) -> Directive:
    return Directive("d", "s", racks, True, automatic, "", "", "", 0)


@pytest.mark.parametrize(
    ("wanted", "active", "quarantine", "proposed"),
    [
        (("a",), [], ("a",), ()),
        (("a", "b"), [], (), ("a", "b")),
        (("b",), [directive(("a",))], (), ("b",)),
        (("a",), [directive(("a",))], (), ()),
        (("b",), [directive(("a", "c"), automatic=False)], ("b",), ()),
        ((), [], (), ()),
    ],
)
def test_machines_hold_no_more_than_the_blast_radius(
    wanted: tuple[str, ...],
    active: list[Directive],
    quarantine: tuple[str, ...],
    proposed: tuple[str, ...],
) -> None:
    found = contain(wanted, active, 1)
    assert (found.quarantine, found.proposed) == (quarantine, proposed)


RACKS = st.frozensets(st.sampled_from("abcdef"), max_size=4)


@given(st.lists(RACKS, max_size=10), st.integers(0, 4))
def test_no_order_of_events_passes_the_blast_radius(
    wanted: list[frozenset[str]], radius: int
) -> None:
    active: list[Directive] = []
    for racks in wanted:
        found = contain(racks, active, radius)
        if found.quarantine:
            active.append(directive(found.quarantine))
    assert len({rack for one in active for rack in one.racks}) <= radius
