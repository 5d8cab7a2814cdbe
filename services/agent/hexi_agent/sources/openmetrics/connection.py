"""One connection to an exporter that is kept: a question, its answer, the next question."""

from __future__ import annotations

import asyncio
import socket
import ssl

from hexi_agent.sources.openmetrics.reply import Answer, Reply, StaleError

# Nothing more to be had just now.
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Connection:
    """A socket that is read when it suits us: to be woken for each answer costs more than to read
    it. `buffer` may be shared: what was read is used before the next read, in one thread."""

    __slots__ = ("_buffer", "_bytes_max", "_reply", "_socket")

    def __init__(self, connected: socket.socket, buffer: memoryview, bytes_max: int) -> None:
        self._socket, self._buffer, self._bytes_max = connected, buffer, bytes_max
        self._reply: Reply | None = None

    def ask(self, request: bytes) -> None:
        """
        Raises:
            StaleError: nobody is asked; the connection is closed then.
        """
        try:
            self._prove_silent()
            if self._socket.send(request) < len(request):
                raise StaleError("does not take a question")
        except (StaleError, *_LATER, OSError) as error:
            self.close()
            raise StaleError(f"{error!r}"[:200]) from error
        self._reply = Reply(self._bytes_max)

    def take(self) -> Answer | None:
        """The answer, if it has come whole.

        Raises:
            AnswerError, TooLargeError: the connection is closed then.
        """
        reply = self._reply
        if reply is None:
            raise StaleError("was not asked")
        try:
            answer = self._read(reply)
        except BaseException:
            # Whatever still comes is no answer to the next question.
            self.close()
            raise
        if answer is not None:
            self._reply = None
            reply.release()
            if not reply.is_kept:
                self.close()
        return answer

    async def taken(self) -> Answer:
        """The answer, when it has come whole; raises as `take` does."""
        try:
            while (answer := self.take()) is None:
                await ready(self._socket)
        except BaseException:
            self.close()
            raise
        return answer

    def close(self) -> None:
        if self._reply is not None:
            self._reply.release()
            self._reply = None
        self._socket.close()

    def _prove_silent(self) -> None:
        """Who speaks or leaves unasked would be heard as the answer."""
        try:
            count = self._socket.recv_into(self._buffer)
        except _LATER:
            return
        raise StaleError("spoke unasked" if count else "closed")

    def _read(self, reply: Reply) -> Answer | None:
        while True:
            try:
                count = self._socket.recv_into(self._buffer)
            except _LATER:
                return None
            except OSError as error:
                return reply.ended(error)
            answer = reply.fed(self._buffer[:count]) if count else reply.ended(None)
            if answer is not None:
                return answer


async def ready(waited_for: socket.socket, *, to_write: bool = False) -> None:
    """Wait until there is something to read, or room to write."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[None] = loop.create_future()
    add, remove = (
        (loop.add_writer, loop.remove_writer) if to_write else (loop.add_reader, loop.remove_reader)
    )
    number = waited_for.fileno()

    def tell() -> None:
        if not told.done():
            told.set_result(None)

    add(number, tell)
    try:
        await told
    finally:
        remove(number)
