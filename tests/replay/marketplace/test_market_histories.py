"""Goal: a recorded history gives the same trades for ever. Method: order logs kept with what they
caused; when matching changes on purpose, the old history stays and a new one joins it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from hexi.marketplace.v1 import marketplace_pb2
from hexi_marketplace.domain.shard import Shard
from hexi_marketplace.stream.turn import Turn
from hexi_marketplace.wire.events import NOTHING, Output, Position

HISTORIES = sorted(Path(__file__).parent.glob("history-*.jsonl"))


def outputs_of(
    commands: list[dict[str, Any]], trades: Position = NOTHING, leases: Position = NOTHING
) -> tuple[list[Output], list[Output]]:
    turn = Turn(Shard(2), trades, leases)
    for offset, command in enumerate(commands):
        turn.apply(ParseDict(command, marketplace_pb2.OrderCommand()), offset)
    return turn.take_trades(), turn.take_leases()


def plain(output: Output) -> dict[str, Any]:
    found: dict[str, Any] = MessageToDict(output.message, preserving_proto_field_name=True)
    return found


def read(path: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {"command": [], "trade": [], "lease": []}
    for line in path.read_text(encoding="utf-8").splitlines():
        ((kind, value),) = json.loads(line).items()
        found[kind].append(value)
    return found


@pytest.mark.parametrize("path", HISTORIES, ids=lambda p: p.stem)
def test_the_same_log_gives_the_same_outputs(path: Path) -> None:
    history = read(path)

    trades, leases = outputs_of(history["command"])

    assert [plain(one) for one in trades] == history["trade"]
    assert [plain(one) for one in leases] == history["lease"]
    assert len(leases) > 50


@pytest.mark.parametrize("path", HISTORIES, ids=lambda p: p.stem)
def test_wherever_the_outputs_stopped_the_rest_is_what_is_missing(path: Path) -> None:
    history = read(path)
    trades, leases = outputs_of(history["command"])

    for cut in range(0, len(trades), 7):
        rest, _ = outputs_of(history["command"], trades=trades[cut].position)
        assert [one.event_id for one in rest] == [one.event_id for one in trades[cut + 1 :]]
    for cut in range(0, len(leases), 7):
        _, rest = outputs_of(history["command"], leases=leases[cut].position)
        assert [one.event_id for one in rest] == [one.event_id for one in leases[cut + 1 :]]
