"""What differs: between the table and what was seen, and between two server sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from hexi_agent.discovery.census import Seen
from hexi_agent.hosts import NEEDED, Host, names_of

FACTS = ("rack", "model", "cpu_milli", "memory_mib", "accelerator", "accelerators", "power_limit_w")


class Change(NamedTuple):
    """`kind`: new, incomplete, silent, changed or removed."""

    kind: str
    server: str
    field: str = ""
    before: str = ""
    now: str = ""


class Proposal(NamedTuple):
    """The table as it would be, and what is different about it."""

    hosts: list[Host]
    changes: list[Change]


def propose(
    table: Sequence[Host], seen: Sequence[Seen], defaults: Mapping[str, Any], drop_silent: bool
) -> Proposal:
    """Rows keep their places, new servers come after them by name; `defaults` fill what nobody
    tells. A server that is silent stays unless told otherwise: it may only be down."""
    index_of = names_of(table)
    by_row = {index_of[one.name.casefold()]: one for one in seen if one.name.casefold() in index_of}
    hosts, changes = list[Host](), list[Change]()
    for row, host in enumerate(table):
        if row not in by_row:
            changes.append(Change("removed" if drop_silent else "silent", host.name))
            if drop_silent:
                continue
            hosts.append(host)
            continue
        facts = by_row[row].facts
        changes += [
            Change("changed", host.name, name, str(getattr(host, name)), str(value))
            for name, value in sorted(facts.items())
            if getattr(host, name) != value
        ]
        hosts.append(_with(host, facts))
    for one in seen:
        if one.name.casefold() in index_of:
            continue
        facts = dict(defaults) | one.facts
        missing = [name for name in NEEDED if name != "name" and not facts.get(name)]
        if missing:
            changes.append(Change("incomplete", one.name, ", ".join(missing)))
            continue
        blank = Host(one.name, "", "", 0, 0)
        hosts.append(_with(blank, facts))
        changes.append(Change("new", one.name, "", "", _short(hosts[-1])))
    return Proposal(hosts, changes)


def compare(before: Any, now: Any) -> list[Change]:
    """Two server sets, by index: what a frame means by a server is its index."""
    old, new = _rows(before), _rows(now)
    changes = [
        Change("changed", str(index), name, str(was[name]), str(row[name]))
        for index, (was, row) in enumerate(zip(old, new, strict=False))
        for name in row
        if was[name] != row[name]
    ]
    changes += [Change("new", str(n), "", "", new[n]["model"]) for n in range(len(old), len(new))]
    changes += [Change("removed", str(n), "", old[n]["model"]) for n in range(len(new), len(old))]
    return changes


def _with(host: Host, facts: Mapping[str, Any]) -> Host:
    known = {name: value for name, value in facts.items() if name in FACTS}
    found = replace(host, **known)
    # One without the other is no fact.
    if bool(found.accelerator) != bool(found.accelerators):
        found = replace(found, accelerator=host.accelerator, accelerators=host.accelerators)
    return found


def _short(host: Host) -> str:
    return " ".join(f"{name}={value}" for name, value in asdict(host).items() if value != "")


def _rows(found: Any) -> list[dict[str, str]]:
    """Each server of a set as words."""
    executors = found.executors or ["fleet"]
    return [
        {
            "rack": found.racks[found.rack_index[n]],
            "model": found.models[found.model_index[n]],
            "cpu_milli": str(found.cpu_milli[n]),
            "memory_mib": str(found.memory_mib[n]),
            "accelerator": ["", *found.accelerator_models][found.accelerator_index[n]],
            "accelerators": str(found.accelerators[n]),
            "power_limit_w": str(found.power_limit_w[n]),
            "executor": executors[found.executor_index[n] if found.executor_index else 0],
        }
        for n in range(len(found.rack_index))
    ]
