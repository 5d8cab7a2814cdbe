"""Closes months once they are over and late usage has had its time."""

from __future__ import annotations

from hexi_kit.clock import Clock
from hexi_kit.logs import get_logger

from hexi_settlement.domain.calendar import month_before, month_of
from hexi_settlement.domain.closing import CloseMonths
from hexi_settlement.handlers.write import Writer
from hexi_settlement.ports import LedgerReader

LOOK_S = 600.0


class MonthCloser:
    """Looks at the clock now and then; closing twice changes nothing."""

    def __init__(self, writer: Writer, reader: LedgerReader, clock: Clock, grace_ms: int) -> None:
        self._writer, self._reader, self._clock = writer, reader, clock
        self._grace_ms = grace_ms

    async def run(self) -> None:
        while True:
            await self.close_what_is_over()
            await self._clock.sleep(LOOK_S)

    async def close_what_is_over(self) -> int:
        """Close up to the last month that ended a grace period ago; how many invoices."""
        over = month_before(month_of(self._clock.now_ms() - self._grace_ms))
        if over <= await self._reader.closed_through():
            return 0
        issued = await self._writer.submit(CloseMonths(over))
        get_logger().info("months.closed", through=over, invoices=len(issued))
        return len(issued)
