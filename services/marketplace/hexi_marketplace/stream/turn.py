"""One shard's turn: commands in, and of what they cause only that which is not yet written."""

from __future__ import annotations

from hexi.marketplace.v1 import marketplace_pb2

from hexi_marketplace.domain.shard import Shard
from hexi_marketplace.wire.commands import read_command
from hexi_marketplace.wire.events import Output, Position, outputs_of


class Turn:
    """Between `apply` and the takes, what is owed waits here, in order."""

    def __init__(self, shard: Shard, trades_until: Position, leases_until: Position) -> None:
        self.shard = shard
        self._trades_until, self._leases_until = trades_until, leases_until
        self._trades: list[Output] = []
        self._leases: list[Output] = []

    def apply(self, message: marketplace_pb2.OrderCommand, offset: int) -> None:
        """Decide one command; raises Poison, and changes nothing, where it is none."""
        command = read_command(message)
        events = self.shard.apply(command, message.recorded_at_ms, offset)
        if not events:
            return
        # Past the last possible ordinal: what lies before both positions is not even built.
        if Position(offset, len(events)) < min(self._trades_until, self._leases_until):
            return
        trades, leases = outputs_of(self.shard.number, offset, events)
        self._trades += [one for one in trades if one.position > self._trades_until]
        self._leases += [one for one in leases if one.position > self._leases_until]

    def skip(self, offset: int) -> None:
        """Pass a record that is no command."""
        self.shard.next_offset = offset + 1

    def take_trades(self) -> list[Output]:
        taken, self._trades = self._trades, []
        return taken

    def take_leases(self) -> list[Output]:
        taken, self._leases = self._leases, []
        return taken
