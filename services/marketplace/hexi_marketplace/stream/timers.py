"""What happens by the clock: gates are told to close, forgotten holds are swept."""

from __future__ import annotations

from hexi_kit.clock import Clock
from hexi_kit.errors import Unavailable
from hexi_kit.logs import get_logger

from hexi_marketplace.domain.market import Market
from hexi_marketplace.domain.product import SLOT_MS
from hexi_marketplace.handlers.sweep_holds import SweepHolds
from hexi_marketplace.stream.order_log import KafkaOrderLog

GATE_INTERVAL_S = 60


class GateKeeper:
    """Looks every minute whether a quarter of an hour has passed that a shard has not heard of.

    Gates stand at quarters, so between them there is nothing to tell, and the log stays short.
    """

    def __init__(self, market: Market, log: KafkaOrderLog, clock: Clock) -> None:
        self._market, self._log, self._clock = market, log, clock

    async def run(self) -> None:
        while True:
            try:
                await self.tell()
            except Unavailable as error:
                # A shard that has not heard is told at the next look.
                get_logger().warning("gates.not_told", reason=str(error))
            now_ms = self._clock.now_ms()
            left_s = (SLOT_MS - now_ms % SLOT_MS) / 1000
            await self._clock.sleep(min(left_s, GATE_INTERVAL_S))

    async def tell(self) -> None:
        quarter_ms = self._clock.now_ms() // SLOT_MS * SLOT_MS
        for shard in self._market.shards:
            if shard.listings and shard.now_ms < quarter_ms:
                await self._log.close_gates(shard.number)


class Sweeper:
    """Sweeps as long as the process lives."""

    def __init__(self, sweep: SweepHolds, clock: Clock, interval_s: int) -> None:
        self._sweep, self._clock, self._interval_s = sweep, clock, interval_s

    async def run(self) -> None:
        while True:
            await self._clock.sleep(self._interval_s)
            await self._sweep()
