"""What the handlers need from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hexi_marketplace.domain.command import Command


@dataclass(frozen=True, slots=True)
class Hold:
    """Money set aside at settlement."""

    hold_id: str
    amount_fen: int
    placed: bool


class OrderLog(Protocol):
    """The input journal of MATCH."""

    async def record(self, command: Command, shard: str) -> None:
        """Returns when the log has it.

        Raises:
            Unavailable: when nobody can say whether the log has it; recording again is harmless.
        """
        ...


class Holds(Protocol):
    """Settlement's holds; both are idempotent by order."""

    async def place(self, order_id: str, account: str, amount_fen: int) -> Hold: ...

    async def release(self, order_id: str, hold_id: str) -> None: ...
