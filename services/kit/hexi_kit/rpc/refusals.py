"""Tells the owner of a server who was refused, without ever making a caller wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from hexi_kit.clock import Clock
from hexi_kit.logs import get_logger
from hexi_kit.metrics import counter
from hexi_kit.tracing import current_traceparent

_WAITING_MAX = 1_000


@dataclass(frozen=True)
class Refusal:
    """`kind`: unauthenticated, permission-denied or handshake; `peer` is host:port."""

    kind: str
    principal: str
    method: str
    reason: str
    peer: str
    at_ms: int = 0
    traceparent: str = ""


OnRefused = Callable[[Refusal], Awaitable[None]]


class Refusals:
    """A bounded queue before the callback; what does not fit is counted, not waited for."""

    def __init__(self, on_refused: OnRefused | None, clock: Clock) -> None:
        self._clock = clock
        self._on_refused = on_refused
        self._waiting: asyncio.Queue[Refusal] = asyncio.Queue(_WAITING_MAX)
        self._task: asyncio.Task[None] | None = None
        self._log = get_logger()

    def start(self) -> None:
        if self._on_refused is not None:
            self._task = asyncio.create_task(self._tell(self._on_refused), name="refusals")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def report(self, refusal: Refusal) -> None:
        counter("rpc.refusals").add(1, {"kind": refusal.kind})
        self._log.warning(
            "rpc.refused",
            kind=refusal.kind,
            principal=refusal.principal,
            method=refusal.method,
            reason=refusal.reason,
            peer=refusal.peer,
        )
        if self._on_refused is None:
            return
        try:
            # Dated and traced here: who tells it later runs outside of the call.
            at_ms, trace = self._clock.now_ms(), current_traceparent()
            self._waiting.put_nowait(replace(refusal, at_ms=at_ms, traceparent=trace))
        except asyncio.QueueFull:
            counter("rpc.refusals_shed").add(1)

    async def _tell(self, on_refused: OnRefused) -> None:
        while True:
            refusal = await self._waiting.get()
            try:
                await on_refused(refusal)
            except Exception as error:  # noqa: BLE001 - edge: the next refusal must still be told
                self._log.error("rpc.refusal_not_told", reason=repr(error))
