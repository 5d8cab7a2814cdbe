"""From a Faust stream to a handler: batches by partition, committed only when handled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hexi_kit.journal.app import JournalApp
from hexi_kit.journal.ownership import Fenced
from hexi_kit.kafka.record import Record
from hexi_kit.logs import get_logger

BATCH_MAX = 1_000
# One message carries many items: a batch is cut by its bytes before its count gets large, so that
# no stage keeps the next one waiting through its whole backlog.
BATCH_BYTES_MAX = 256 * 1024

Commands = Mapping[int, list[Record]]
"""Commands by partition, each partition in order, partitions in order of number."""

CommandHandler = Callable[[Commands], Awaitable[None]]


async def handle_commands(
    app: JournalApp, stream: Any, handler: CommandHandler, batch_max: int = BATCH_MAX
) -> None:
    """The body of an agent: takes what has gathered, lets the handler decide, acknowledges.

    Reads the channel's queue itself: `take_events` waits out its time limit before it looks, wakes
    two hundred times a second when idle, and acknowledges also what a rebalance has taken away.
    Any failure of the handler ends the process, since memory may then be ahead of the log; but not
    when the failure is that a rebalance has given the partition to another: memory is rebuilt.
    """
    queue = stream.channel.queue
    turn = app.take_turns()
    while not app.should_stop:
        try:
            events = [await queue.get()]
        except StopAsyncIteration:
            return  # the app stops
        size_bytes = len(events[0].value or b"")
        while len(events) < batch_max and size_bytes < BATCH_BYTES_MAX and not queue.empty():
            events.append(queue.get_nowait())
            size_bytes += len(events[-1].value or b"")
        async with turn:
            generation = app.consumer_generation_id
            fresh = [e for e in events if e.message.generation_id == generation]
            if not fresh or not app.flow_control.is_active():
                continue
            try:
                await handler(_by_partition(fresh))
            except Fenced as error:
                if app.consumer_generation_id == generation and not app.rebalancing:
                    app.options.on_fatal(error)
                    raise
                get_logger().info("commands.given_up", reason=str(error))
                continue
            except Exception as error:
                app.options.on_fatal(error)
                raise
            for event in fresh:
                event.ack()


def _by_partition(events: list[Any]) -> Commands:
    batches: dict[int, list[Record]] = {}
    for event in events:
        message = event.message
        record = Record(
            message.topic,
            message.partition,
            message.offset,
            message.key,
            message.value,
            dict(message.headers or ()),
            int(message.timestamp * 1000),
        )
        batches.setdefault(message.partition, []).append(record)
    return dict(sorted(batches.items()))
