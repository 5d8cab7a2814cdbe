"""Gives back holds whose orders never came: after a crash, a timeout, a refusal.

The order is first given up on the log, so that it can never count later; then the hold is asked
for once more under its own key, which finds it or makes it, and released. Intents are kept as long
as their product is remembered, so a crash in between only repeats the sweep.
"""

from __future__ import annotations

from hexi_kit.clock import Clock
from hexi_kit.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unavailable,
)
from hexi_kit.logs import get_logger
from hexi_kit.testing import faults

from hexi_marketplace.domain.command import Abandon, Intend
from hexi_marketplace.domain.market import Market
from hexi_marketplace.domain.product import shard_name
from hexi_marketplace.domain.shard import Shard
from hexi_marketplace.ports import Holds, OrderLog

# Longer than any placing of an order can take: its calls have shorter deadlines.
PATIENCE_S = 60.0
BATCH_MAX = 200
# There was no money to hold, and so there is nothing to give back.
NOTHING_HELD = (FailedPrecondition, ResourceExhausted, NotFound, InvalidArgument, AlreadyExists)


class SweepHolds:
    """Called again and again; remembers only what it has seen and done in this process."""

    def __init__(self, market: Market, log: OrderLog, holds: Holds, clock: Clock) -> None:
        self._market, self._log, self._holds, self._clock = market, log, holds, clock
        self._first_seen_s: dict[str, float] = {}
        self._swept: set[str] = set()

    async def __call__(self) -> int:
        """Sweep what has waited long enough; how many holds were settled."""
        now_s = self._clock.real_monotonic_s()
        waiting = [
            (shard, intent) for shard in self._market.shards for intent in shard.waiting_intents()
        ]
        ids = {intent.order_id for _, intent in waiting}
        self._swept &= ids
        self._first_seen_s = {
            order_id: self._first_seen_s.get(order_id, now_s)
            for order_id in sorted(ids - self._swept)
        }
        done = 0
        for shard, intent in waiting:
            due_s = self._first_seen_s.get(intent.order_id, now_s) + PATIENCE_S
            if intent.order_id in self._swept or now_s < due_s or done >= BATCH_MAX:
                continue
            if not await self._settle(shard, intent):
                break
            self._swept.add(intent.order_id)
            done += 1
        return done

    async def _settle(self, shard: Shard, intent: Intend) -> bool:
        """False when settlement or the log is away; the next sweep goes on."""
        try:
            if not shard.abandoned(intent.order_id, intent.product_id):
                give_up = Abandon(intent.order_id, intent.product_id)
                await self._log.record(give_up, shard_name(intent.product_id))
            faults.point("marketplace.after_abandon")
            hold = await self._holds.place(intent.order_id, intent.account, intent.amount_fen)
            if hold.placed:
                await self._holds.release(intent.order_id, hold.hold_id)
        except NOTHING_HELD:
            return True
        except Unavailable as error:
            get_logger().info("hold.sweep_waits", reason=error.reason)
            return False
        get_logger().info("hold.swept", order_id=intent.order_id, account=intent.account)
        return True
