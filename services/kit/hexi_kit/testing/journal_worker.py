"""A worker whose only decision is to number commands: what chaos tests kill, freeze and double.

Run as a process: python -m hexi_kit.testing.journal_worker '<json of WorkerOptions>'
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hexi_contracts.topic import Topic

from hexi_kit.clock import SystemClock
from hexi_kit.errors import HexiError
from hexi_kit.identity import Identity
from hexi_kit.journal.app import JournalApp, JournalAppOptions, build_app
from hexi_kit.journal.commands import Commands, handle_commands
from hexi_kit.journal.table import Items, Journal
from hexi_kit.testing import faults
from hexi_kit.testing.log_suite import topic_named

JOURNAL_BYTES_MAX = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """One worker process; workers of one run share everything but the instance."""

    run: str
    instance: str
    bootstrap: str
    pki: str
    identity: str
    partitions: int = 4
    session_timeout_s: float = 6.0
    first: int = 0  # commands before it are gone

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def command_topic(run: str, partitions: int) -> Topic:
    return topic_named(f"kit.command-{run}.v1", partitions)


def decision_topic(run: str, partitions: int) -> Topic:
    topic = topic_named(f"kit.decision-{run}.v1", partitions)
    return replace(topic, cleanup="compact", message_bytes_max=JOURNAL_BYTES_MAX)


class Numbering:
    """Decides each command once, in order: the decision of offset n follows that of n - 1."""

    def __init__(self, journal: Journal, first: int) -> None:
        self._journal, self._first = journal, first
        self._decided: dict[int, int] = {}

    def rebuild(self, partition: int, items: Items) -> None:
        offsets = [int(value.split(b",")[1]) for value in items.values()]
        self._decided[partition] = max(offsets, default=self._first - 1)

    async def handle(self, commands: Commands) -> None:
        written: dict[int, list[tuple[bytes, bytes | None]]] = {}
        for partition, records in commands.items():
            for record in records:
                expected = self._decided[partition] + 1
                if record.offset > expected:
                    raise HexiError(f"expected offset {expected}, was {record.offset}")
                if record.offset == expected:
                    self._decided[partition] = expected
                    value = b"%d,%d," % (partition, expected) + (record.value or b"")
                    written.setdefault(partition, []).append((record.key or b"", value))
        faults.point("numbering.before_append")
        if written:
            await self._journal.append_many(written)
        faults.point("numbering.after_append")


def build(options: WorkerOptions) -> JournalApp:
    identity = Identity.load(Path(options.pki), options.identity) if options.pki else None
    commands = command_topic(options.run, options.partitions)
    app = build_app(
        JournalAppOptions(
            f"kit-{options.run}",
            options.bootstrap,
            identity,
            options.instance,
            [commands],
            options.session_timeout_s,
        )
    )
    journal = app.journal(decision_topic(options.run, options.partitions), SystemClock())
    numbering = Numbering(journal, options.first)
    journal.on_recover(numbering.rebuild)

    async def decide(stream: Any) -> None:
        await handle_commands(app, stream, numbering.handle)

    app.agent(app.channel_of(commands))(decide)
    return app


async def main(options: WorkerOptions) -> None:
    await build(options).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(WorkerOptions(**json.loads(sys.argv[1]))))
