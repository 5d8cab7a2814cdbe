"""A Faust app with everything learnt about running it: build it, never import it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faust
from hexi_contracts.topic import Topic

from hexi_kit.clock import Clock
from hexi_kit.identity import Identity
from hexi_kit.journal.gapless import GaplessTransport
from hexi_kit.journal.recovery import JournalTableManager
from hexi_kit.journal.table import Journal, JournalView
from hexi_kit.kafka.connection import ssl_context
from hexi_kit.logs import get_logger

# Left alone they log at DEBUG whatever they are told, and every send then builds log records.
LIBRARY_LOGGERS = ("aiokafka", "faust", "mode")
EXIT_CODE = 70
STREAM_BUFFER_MAX = 4_000  # messages; then reading waits for the agent


def end_process(error: BaseException) -> None:
    """No clean end: what we believe and what the log says may differ, only recovery tells."""
    get_logger().error("worker.ended", reason=repr(error), exc_info=error)
    logging.shutdown()
    os._exit(EXIT_CODE)


@dataclass(frozen=True, slots=True)
class JournalAppOptions:
    """One worker of an app; `instance_id` makes a restart rejoin at once."""

    name: str
    bootstrap: str
    identity: Identity | None
    instance_id: str
    commands: Sequence[Topic]
    session_timeout_s: float = 10.0
    commit_interval_s: float = 0.5
    on_fatal: Callable[[BaseException], None] = field(default=end_process)


class JournalApp(faust.App):
    """Faust plus journals.

    Each agent holds its turn while it decides a batch; recovery waits for the turns of all.
    """

    options: JournalAppOptions
    guarded: frozenset[str]
    journals: dict[str, Journal]
    turns: list[asyncio.Lock]

    def journal(self, topic: Topic, clock: Clock) -> Journal:
        """A journal whose Faust table has `topic` as its changelog."""
        options = self.options
        journal = Journal(options.bootstrap, options.identity, topic, clock)
        table = self.Table(
            topic.name,
            partitions=topic.partitions,
            key_type=bytes,
            value_type=bytes,
            changelog_topic=self.channel_of(topic, compacting=True),
        )
        store: Any = table.data
        store.data = JournalView(journal)
        self.journals[topic.name] = journal
        return journal

    def channel_of(self, topic: Topic, compacting: bool = False) -> Any:
        """The Faust topic of one of ours, bytes in and out."""
        return self.topic(
            topic.name,
            partitions=topic.partitions,
            compacting=compacting,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )

    def take_turns(self) -> asyncio.Lock:
        """The lock of one more agent that decides."""
        self.turns.append(asyncio.Lock())
        return self.turns[-1]

    async def recover_journals(self, assigned: frozenset[tuple[str, int]]) -> None:
        """Called between a rebalance and the first command after it."""
        try:
            async with AsyncExitStack() as everybody:
                for turn in self.turns:
                    await everybody.enter_async_context(turn)
                for name, journal in sorted(self.journals.items()):
                    await journal.recover(frozenset(n for topic, n in assigned if topic == name))
        except Exception as error:  # noqa: BLE001  # process edge: without recovery no decision
            self.options.on_fatal(error)

    async def on_start(self) -> None:
        for journal in self.journals.values():
            await journal.start()
        await super().on_start()

    async def on_stop(self) -> None:
        await super().on_stop()
        for journal in self.journals.values():
            await journal.stop()

    def _new_transport(self) -> Any:
        return GaplessTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Nothing of the app lives on disk."""


def build_app(options: JournalAppOptions) -> JournalApp:
    """An app that consumes `options.commands` gaplessly and creates no topics."""
    for name in LIBRARY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    credentials = faust.SSLCredentials(ssl_context(options.identity)) if options.identity else None
    app = JournalApp(
        options.name,
        broker=[f"kafka://{address}" for address in options.bootstrap.split(",")],
        broker_credentials=credentials,
        broker_client_id=options.instance_id,
        broker_session_timeout=options.session_timeout_s,
        broker_heartbeat_interval=options.session_timeout_s / 5,
        broker_commit_interval=options.commit_interval_s,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=options.instance_id,
        stream_buffer_maxsize=STREAM_BUFFER_MAX,
        stream_recovery_delay=0.0,
        store="memory://",
        key_serializer="raw",
        value_serializer="raw",
        table_standby_replicas=0,
        topic_partitions=max((topic.partitions for topic in options.commands), default=1),
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        datadir=Path(os.devnull),
        TableManager=JournalTableManager,
    )
    app.options = options
    app.guarded = frozenset(topic.name for topic in options.commands)
    app.journals = {}
    app.turns = []
    return app
