"""`hexi-agent map`: what is mapped, what is not and why, and which servers nobody speaks of."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
from hexi_kit.clock import SystemClock
from hexi_kit.errors import InvalidArgument, Violation

from hexi_agent.commands.listen import listen, look_s
from hexi_agent.commands.output import say_json, table
from hexi_agent.commands.recording import Recorder, read_recording
from hexi_agent.config import AgentConfig, read_config
from hexi_agent.domain.physics import Meters
from hexi_agent.domain.readings import METRICS
from hexi_agent.gather import make_board, make_sources
from hexi_agent.hosts import Host, read_hosts
from hexi_agent.mapping.board import Board
from hexi_agent.mapping.meters import FIELDS
from hexi_agent.settings import config_files
from hexi_agent.sources.raw import RawSource

HOUR_MS = 3_600_000
Picture = dict[str, list[dict[str, object]]]
NAME_OF = {one.number: name for name, one in METRICS.items()}


def run(chosen: argparse.Namespace) -> int:
    """0 if every server has a reading, 1 if some have none."""
    config = read_config(config_files(chosen.config)[0])
    if config.hosts is None:
        raise InvalidArgument([Violation("hosts", "expected a table of hosts and sources")])
    hosts = read_hosts(config.hosts)
    picture = _of_file(chosen, config, hosts) if chosen.file else _of_live(chosen, config, hosts)
    if chosen.json:
        say_json(picture)
    else:
        _show(picture)
    return 1 if picture["silent"] else 0


def _of_file(chosen: argparse.Namespace, config: AgentConfig, hosts: list[Host]) -> Picture:
    """As if the recording's last moment were now; servers it does not speak of are not missed."""
    subject = chosen.server or hosts[0].name
    recorded = read_recording(chosen.file, subject, SystemClock().now_ms())
    now_ms = max((one.at_ms for one in recorded.readings), default=0)
    alone = config.model_copy(update={"sources": (), "period_ms": HOUR_MS})
    board = make_board(alone, hosts, [], lambda: now_ms)
    board.take(recorded.readings)
    for name, reason in recorded.set_aside:
        board.tally.refused("file", name, reason, subject)
    problems: list[dict[str, object]] = [
        {"source": "file", "server": subject, "reason": text, "readings": 1}
        for text in recorded.refused
    ]
    return _picture(board, hosts, now_ms) | {"silent": [], "problems": problems}


def _of_live(chosen: argparse.Namespace, config: AgentConfig, hosts: list[Host]) -> Picture:
    clock = SystemClock()
    sources = make_sources(config, clock)
    board = make_board(config, hosts, sources, clock.now_ms)
    with ExitStack() as stack:
        take = board.take
        if chosen.record:
            file = stack.enter_context(chosen.record.open("w", encoding="utf-8"))
            take = Recorder(file, board.take).take
        asyncio.run(listen(sources, take, chosen.seconds or look_s(config)))
    return _picture(board, hosts, clock.now_ms()) | {"problems": _problems(sources)}


def _picture(board: Board, hosts: list[Host], now_ms: int) -> Picture:
    lines = list(board.tally.lines())
    heard, coverage = set[int](), dict[str, int]()
    samples = board.read(Meters(), now_ms)
    for sample in samples:
        for metric, values in sample.columns.items():
            found = np.flatnonzero(np.isfinite(values))
            heard.update((found + sample.first_server).tolist())
            name = NAME_OF[metric]
            coverage[name] = coverage.get(name, 0) + len(found)
    return {
        "mapped": [
            {"source": n.source, "reading": n.name, "metric": n.target, "series": n.readings,
             "example": n.example}
            for n in lines if n.target
        ],
        "unmapped": [
            {"source": n.source, "reading": n.name, "reason": n.reason, "readings": n.readings,
             "example": n.example}
            for n in lines if n.reason
        ],
        "coverage": [
            {"metric": name, "servers": count, "of": len(hosts)}
            for name, count in sorted(coverage.items())
        ],
        "meters": [
            {"metric": name, "stands at": getattr(sample.meters, field)}
            for sample in samples
            for name, field in FIELDS.items()
            if getattr(sample.meters, field)
        ],
        "silent": [{"server": h.name} for index, h in enumerate(hosts) if index not in heard],
    }  # fmt: skip


def _problems(sources: Sequence[RawSource]) -> list[dict[str, object]]:
    counts = [(one.name, one.findings) for one in sources if hasattr(one, "findings")]
    return [
        {"source": name, "server": subject, "reason": kind, "readings": count}
        for name, findings in counts
        for (subject, kind), count in sorted(findings.counts.items())
    ]


def _show(picture: Picture) -> None:
    for name, key, columns in (
        ("mapped", "mapped", ("source", "reading", "metric", "series", "example")),
        ("not mapped", "unmapped", ("source", "reading", "reason", "readings", "example")),
        ("problems", "problems", ("source", "server", "reason", "readings")),
        ("coverage", "coverage", ("metric", "servers", "of")),
        ("meters", "meters", ("metric", "stands at")),
        ("silent", "silent", ("server",)),
    ):
        rows = picture[key]
        table(name, columns, [[row[column] for column in columns] for row in rows])
