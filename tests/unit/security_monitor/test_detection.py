"""Goal: each rule fires on what it is for and on nothing else; ids depend on the input alone."""

from __future__ import annotations

from datetime import date

import pytest
from hexi_security_monitor.domain.detect import of_event
from hexi_security_monitor.domain.event import Event
from hexi_security_monitor.domain.window import Window
from hexi_security_monitor.store.rule_files import load_text, parse_rules

RULES = parse_rules(load_text("detection-2026"))
TODAY = date(2026, 11, 21)


def event(kind: str, reason: str = "", uid: str = "e1", **fields: object) -> Event:
    return Event(uid, 600399, 1_000_000, kind, reason, **fields)


def matched(kind: str, reason: str = "", day: date = TODAY) -> list[str]:
    return [rule.rule_id for rule in RULES.matching(event(kind, reason), day)]


@pytest.mark.parametrize(
    ("kind", "reason", "rules"),
    [
        ("frame.refused", "SIGNATURE", ["frame-tampered"]),
        ("frame.refused", "CHAIN", ["frame-tampered"]),
        ("frame.refused", "WRONG_SITE", ["frame-tampered"]),
        ("frame.refused", "MALFORMED", ["frame-tampered"]),
        ("frame.refused", "REPLAYED", ["frame-replayed"]),
        ("frame.refused", "CLOCK", []),
        ("frame.refused", "UNKNOWN_REVISION", []),
        ("identity.refused", "handshake", ["identity-refused"]),
        ("run.tampered", "", ["run-tampered"]),
        ("meter.implausible", "PUE_BELOW_ONE", ["meter-implausible"]),
        ("something.else", "SIGNATURE", []),
        ("foreign", "", []),
    ],
)
def test_rule_concerns_what_it_is_for(kind: str, reason: str, rules: list[str]) -> None:
    assert matched(kind, reason) == rules


def test_nothing_is_matched_before_a_rule_is_in_force() -> None:
    assert matched("frame.refused", "SIGNATURE", date(2025, 10, 31)) == []


def test_window_counts_within_its_span_only() -> None:
    window, fired = Window(), ()
    for time_ms in (0, 15_000, 30_000, 45_000):
        window, fired = window.observe((time_ms, f"e{time_ms}"), 5, 60_000)
        assert fired == ()
    # The first has just left.
    window, fired = window.observe((60_000, "late"), 5, 60_000)
    assert fired == ()
    window, fired = window.observe((60_001, "more"), 5, 60_000)
    assert len(fired) == 5
    assert window == Window()


def test_event_heard_twice_counts_once() -> None:
    window = Window()
    for _ in range(9):
        window, fired = window.observe((1, "same"), 5, 60_000)
        assert fired == ()


def test_same_events_give_the_same_finding_in_any_order() -> None:
    rule = RULES.matching(event("identity.refused"), TODAY)[0]
    entries = [(i, f"e{i}") for i in range(5)]
    ids = set()
    for order in (entries, entries[::-1], entries[2:] + entries[:2]):
        window = Window()
        for entry in order:
            window, fired = window.observe(entry, 5, 60_000)
        ids.add(of_event(rule, event("identity.refused"), fired, ()).finding_id)
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("site_id", "principal_site", "credible"),
    [
        ("lanzhou", "lanzhou", True),
        ("lanzhou", "", True),
        ("lanzhou", "jinchang", False),
        ("", "lanzhou", False),
    ],
)
def test_only_its_own_agent_draws_in_racks(
    site_id: str, principal_site: str, credible: bool
) -> None:
    told = event("frame.refused", site_id=site_id, principal_site=principal_site)
    assert told.names_own_racks is credible


RULE = """
name: n
blast_radius_racks: 1
rules:
  - {id: one-rule, title: t, severity: high, kind: a.b, reasons: [], group_by: event, threshold: 1,
     window_s: 60, correlation_s: 60, response: notify, source: s, effective_from: 2026-01-01}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("severity: high", "severity: dire"),
        ("threshold: 1", "threshold: 0"),
        ("window_s: 60", "window_s: 0"),
        ("response: notify", "response: destroy"),
        ("group_by: event", "group_by: moon"),
        ("source: s", "sauce: s"),
        ("blast_radius_racks: 1", "blast_radius_racks: -1"),
        ("effective_from: 2026-01-01", "effective_from: tomorrow"),
    ],
)
def test_what_is_no_rule_is_refused(before: str, after: str) -> None:
    assert parse_rules(RULE).rules
    with pytest.raises(ValueError, match="validation error"):
        parse_rules(RULE.replace(before, after))
