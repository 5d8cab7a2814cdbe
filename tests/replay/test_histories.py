"""Goal: recorded logs of real workers are decided again to the byte, and a wrong byte is told.

Method: three histories of a real broker (`./task replay:record` makes them anew) go through the
real stages; then each is tampered with, and the replay must say where and in which field.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hexi_contracts import topics
from hexi_kit.errors import InvalidArgument
from hexi_kit.kafka.record import Record
from hexi_sim.replay.day import Choice, Span, day_of, replay
from hexi_sim.replay.history import LOGS, SUFFIX, MemoryHistory, SegmentFolder, export
from hexi_sim.replay.main import main
from hexi_sim.replay.rerun import Outcome

HISTORIES = Path(__file__).parent / "histories"
NAMES = ["kills", "leases", "quarantine"]
PLACEMENT = topics.SCHEDULER_PLACEMENT


async def everything(name: str) -> list[Record]:
    folder = SegmentFolder(HISTORIES / name)
    return [r for topic in LOGS for p in range(16) for r in await folder.records(topic, p)]


async def outcomes(history: MemoryHistory | SegmentFolder, choice: Choice) -> list[Outcome]:
    return [o async for o in replay(history, choice, lambda _: None, lambda _: None)]


def placements(records: list[Record]) -> list[int]:
    """Where the placement records with a value are."""
    return [
        index
        for index, record in enumerate(records)
        if record.topic == PLACEMENT.name and b"/p/" in (record.key or b"") and record.value
    ]


@pytest.mark.parametrize("name", NAMES)
async def test_a_recorded_history_is_decided_again_to_the_byte(name: str) -> None:
    found = await outcomes(SegmentFolder(HISTORIES / name), Choice())

    assert [str(o.difference) for o in found if o.difference] == []
    assert sum(o.compared + o.fences for o in found) == sum(o.records for o in found)
    assert sum(o.compared for o in found) > 100


async def test_the_history_of_kills_has_owners_that_followed_each_other() -> None:
    found = await outcomes(SegmentFolder(HISTORIES / "kills"), Choice())

    assert max(o.fences for o in found) >= 3


async def test_the_histories_show_what_they_are_for() -> None:
    kinds = {}
    for name in NAMES:
        records = await everything(name)
        states = set()
        for index in placements(records):
            placement = PLACEMENT.message.FromString(records[index].value).placement
            states.add(placement.state)
            states.add("gang" if len(placement.allocations) > 1 else "single")
            states.add("lease" if placement.lease_id else "list")
        kinds[name] = states

    assert 5 in kinds["quarantine"]
    assert {"gang", "lease"} <= kinds["leases"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_stretch_begins_from_what_its_journal_said_by_then(name: str) -> None:
    records = await everything(name)
    times = sorted(r.timestamp_ms for r in records if r.topic == PLACEMENT.name)
    span = Span(times[len(times) // 2], times[-1] + 1)

    found = await outcomes(MemoryHistory(records), Choice(span))

    assert [str(o.difference) for o in found if o.difference] == []
    assert 0 < sum(o.compared for o in found) < len(records)


async def test_a_changed_field_is_named() -> None:
    records = await everything("kills")
    index = placements(records)[7]
    journal = PLACEMENT.message.FromString(records[index].value)
    journal.placement.allocations[0].server += 1
    records[index] = dataclasses.replace(records[index], value=journal.SerializeToString())

    found = await outcomes(MemoryHistory(records), Choice(stage="place"))

    (difference,) = [o.difference for o in found if o.difference]
    assert difference.offset == records[index].offset
    assert [f.field for f in difference.fields] == ["placement.allocations[0].server"]


async def test_a_record_that_no_command_explains_is_a_difference() -> None:
    records = await everything("quarantine")
    index = placements(records)[0]
    cause = PLACEMENT.message.FromString(records[index].value).placement.cause
    without = [
        r
        for r in records
        if (r.topic, r.partition, r.offset)
        != (topics.SCHEDULER_COMMAND.name, cause.partition, cause.offset)
    ]

    found = await outcomes(MemoryHistory(without), Choice(stage="place"))

    assert [o for o in found if o.difference]


async def test_a_lost_record_is_a_difference() -> None:
    records = await everything("leases")
    del records[placements(records)[3]]

    found = await outcomes(MemoryHistory(records), Choice(stage="place"))

    assert [o for o in found if o.difference]


async def test_what_is_exported_is_read_back(tmp_path: Path) -> None:
    records = await everything("quarantine")

    await export(MemoryHistory(records), tmp_path)

    folder = SegmentFolder(tmp_path)
    again = [r for topic in LOGS for p in range(16) for r in await folder.records(topic, p)]
    assert again == records


async def test_a_cut_segment_is_refused(tmp_path: Path) -> None:
    await export(MemoryHistory(await everything("quarantine")), tmp_path)
    path = tmp_path / f"{PLACEMENT.name}{SUFFIX}"
    path.write_bytes(path.read_bytes()[:-40])

    with pytest.raises(InvalidArgument, match="whole segment"):
        await SegmentFolder(tmp_path).records(PLACEMENT, 0)


def test_a_day_is_a_date() -> None:
    assert day_of("2026-11-21").until_ms - day_of("2026-11-21").from_ms == 86_400_000
    with pytest.raises(InvalidArgument, match="day"):
        day_of("yesterday")


def test_the_command_says_how_it_went(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--from", str(HISTORIES / "leases"), "--json"]) == 0
    assert '"compared"' in capsys.readouterr().out
    assert main(["--from", str(tmp_path)]) == 2
