"""A worker that can not read ends, so that another takes what it holds."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hexi_contracts import topics
from hexi_kit.journal.app import JournalAppOptions, build_app


async def test_a_failure_of_reading_is_fatal() -> None:
    ends: list[BaseException] = []
    commands = (topics.SCHEDULER_COMMAND,)
    app = build_app(
        JournalAppOptions("test", "127.0.0.1:1", None, "one", commands, on_fatal=ends.append)
    )
    broken = ValueError("of the reader")

    async def fail(_: float):
        raise broken
        yield

    consumer = app.transport.create_consumer(
        callback=print, on_partitions_revoked=print, on_partitions_assigned=print
    )
    consumer.getmany = fail

    with pytest.raises(ValueError, match="of the reader"):
        await consumer._drain_messages(SimpleNamespace(should_stop=False))

    assert ends == [broken]
