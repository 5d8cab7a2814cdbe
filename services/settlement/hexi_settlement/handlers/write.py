"""The one writer: commands that wait are decided in order and committed together."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any, TypeVar

from hexi_kit.clock import Clock
from hexi_kit.errors import HexiError, ResourceExhausted, Unavailable
from hexi_kit.metrics import counter
from hexi_kit.testing import faults
from hexi_kit.tracing import span

from hexi_settlement.domain.book import Book, Moment
from hexi_settlement.domain.command import Command, together
from hexi_settlement.domain.known import Changes
from hexi_settlement.domain.rules import RuleSet
from hexi_settlement.ports import Ledger

T = TypeVar("T")

WAITING_MAX = 4_096
# One commit costs about as much as deciding two hundred holds; more only adds waiting.
COMMANDS_MAX = 256


@dataclass(slots=True)
class _Waiting:
    command: Command[Any]
    answer: asyncio.Future[Any]


class Writer:
    """`submit` returns after the commit. Callers share commits; each gets its own answer."""

    def __init__(self, ledger: Ledger, clock: Clock, rules: RuleSet) -> None:
        self._ledger, self._clock, self._rules = ledger, clock, rules
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(WAITING_MAX)

    async def submit(self, command: Command[T]) -> T:
        """Decide and commit; raises what the command raised, and then nothing has moved."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait(_Waiting(command, answer))
        except asyncio.QueueFull:
            raise ResourceExhausted("the ledger's queue is full") from None
        return await answer

    async def run(self) -> None:
        """Write until cancelled. A lost database ends the process; callers may come again."""
        while True:
            batch = [await self._queue.get()]
            with contextlib.suppress(asyncio.QueueEmpty):
                while len(batch) < COMMANDS_MAX:
                    batch.append(self._queue.get_nowait())
            try:
                answers = await self._write([waiting.command for waiting in batch])
            except BaseException:
                for waiting in batch:
                    _fail(waiting.answer, Unavailable("the ledger was lost before the commit"))
                raise
            for waiting, answer in zip(batch, answers, strict=True):
                _tell(waiting.answer, answer)

    async def _write(self, commands: list[Command[Any]]) -> list[Any]:
        async with self._ledger.transaction() as transaction:
            known = await transaction.load(together(one.needs() for one in commands))
            book = Book(known, Moment(self._clock.now_ms(), self._rules))
            answers = [_decided(command, book) for command in commands]
            await transaction.save(book.changes)
            faults.point("settlement.before_commit")
        faults.point("settlement.after_commit")
        _count(book.changes)
        return answers


def _decided(command: Command[Any], book: Book) -> Any:
    try:
        return command.decide(book)
    except HexiError as refused:
        return refused


def _tell(answer: asyncio.Future[Any], told: Any) -> None:
    if isinstance(told, HexiError):
        _fail(answer, told)
    elif not answer.done():
        answer.set_result(told)


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)


def _count(changes: Changes) -> None:
    counter("settlement.transfers_posted").add(len(changes.transfers))
    counter("settlement.usage_rated").add(len(changes.usages))
    for transfer in changes.transfers:
        # The trace that began at the submission ends where the money moved.
        with span(
            "transfer.posted",
            transfer.cause.traceparent or None,
            transfer_id=transfer.transfer_id,
            amount_fen=transfer.amount_fen,
        ):
            pass
