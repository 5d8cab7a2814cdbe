"""Turns events and silences into findings whose ids depend on nothing but what was heard."""

from __future__ import annotations

from hexi_kit.ids import derive

from hexi_security_monitor.domain.event import Event, Finding
from hexi_security_monitor.domain.rules import Rule
from hexi_security_monitor.domain.watch import Silence
from hexi_security_monitor.domain.window import Entry

UIDS_SHOWN_MAX = 50


def of_event(
    rule: Rule, event: Event, entries: tuple[Entry, ...], racks: tuple[str, ...]
) -> Finding:
    """`entries` are the events that made the rule fire, the last of them not always this one."""
    uids = tuple(uid for _, uid in entries)
    return Finding(
        derive("finding", rule.rule_id, *uids),
        rule.rule_id,
        rule.title,
        rule.severity,
        event.place,
        event.time_ms,
        entries[0][0],
        uids[-UIDS_SHOWN_MAX:],
        racks,
        f"{event.kind} {event.reason}, {len(uids)} from {event.culprit}",
        event.culprit,
    )


def of_silence(rule: Rule, silence: Silence) -> Finding:
    return Finding(
        derive("finding", rule.rule_id, silence.site_id, silence.rack, silence.since_ms),
        rule.rule_id,
        rule.title,
        rule.severity,
        silence.site_id,
        silence.noticed_at_ms,
        silence.since_ms,
        (),
        (silence.rack,),
        f"no good reading since {silence.since_ms} while other racks of the site report",
    )
