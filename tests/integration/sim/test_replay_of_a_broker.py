"""Goal: `./task replay` reads a Hexi that is stopped, and says whether a byte differs.

Method: a kept history is put into a real broker, record by record, and the broker is stopped; the
command starts it, reads as the reader of the contracts, and stops it again.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hexi_contracts import topics
from hexi_kit.clock import SystemClock
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.ports import Partition, RawRecord
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.kafka.record import Record
from hexi_local.kafka import EmbeddedKafka
from hexi_local.state import StateDir
from hexi_sim.replay.history import LOGS, SegmentFolder
from hexi_sim.replay.main import main

pytestmark = pytest.mark.integration

HISTORY = Path(__file__).resolve().parents[2] / "replay" / "histories" / "leases"
PLACEMENT = topics.SCHEDULER_PLACEMENT


async def fill(state: StateDir, records: list[Record]) -> None:
    """A broker of this state directory, with these records and nothing else, stopped again."""
    kafka = EmbeddedKafka(state.root, state.pki)
    await kafka.start()
    try:
        await ensure_topics(kafka.bootstrap, kafka.supervisor, LOGS)
        producer = EventProducer(kafka.bootstrap, kafka.supervisor, "test", SystemClock())
        await producer.start()
        for record in records:
            target = Partition(record.topic, record.partition)
            headers = list(record.headers.items())
            await producer.send_raw(RawRecord(target, record.key, record.value, headers))
        await producer.stop()
    finally:
        await kafka.stop()


async def kept() -> list[Record]:
    folder = SegmentFolder(HISTORY)
    return [r for topic in LOGS for p in range(16) for r in await folder.records(topic, p)]


@pytest.mark.parametrize("forged", [False, True], ids=["as it was", "with a forged record"])
def test_a_stopped_hexi_is_replayed(
    forged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    records = asyncio.run(kept())
    if forged:
        index = next(
            i for i, r in enumerate(records) if r.topic == PLACEMENT.name and b"/p/" in r.key
        )
        journal = PLACEMENT.message.FromString(records[index].value)
        journal.placement.price_micro_yuan += 1
        old = records[index]
        value = journal.SerializeToString()
        records[index] = Record(
            old.topic, old.partition, old.offset, old.key, value, old.headers, old.timestamp_ms
        )
    asyncio.run(fill(StateDir(tmp_path), records))
    monkeypatch.setenv("HEXI_STATE_DIR", str(tmp_path))

    code = main(["--json"])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    differences = [line["difference"] for line in lines if line["difference"]]
    assert code == int(forged)
    assert sum(line["compared"] for line in lines) > 50
    assert len(differences) == int(forged)
    if forged:
        assert "price_micro_yuan" in json.dumps(differences)
