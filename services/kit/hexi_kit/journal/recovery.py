"""Recovery after a rebalance: claim, read up to the fence, then let the commands flow.

Takes the place of Faust's own, which reads the changelog through the worker's consumer, record by
record, and reads the high water marks without stopping the old owner from writing above them.
"""

from __future__ import annotations

from typing import Any

from aiokafka.errors import IllegalStateError
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from mode import Service


class JournalRecovery(Recovery):
    """Started by the table manager once; runs one round per rebalance."""

    app: Any

    @Service.task
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start.wait()):
                return
            self.signal_recovery_start.clear()
            generation = self._generation_id
            assigned = frozenset((tp.topic, tp.partition) for tp in self.active_tps)
            self._set_recovery_started()
            # Not cut off by another rebalance: a claim half made would have to be made again.
            await self.app.recover_journals(assigned)
            try:
                await self._wait(self.on_recovery_completed(generation))
            except (RebalanceAgain, IllegalStateError):
                continue
            except ServiceStopped:
                return

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Nothing comes this way: changelog partitions stay paused."""


class JournalTableManager(TableManager):
    """The table manager with that recovery."""

    app: Any

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = JournalRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
