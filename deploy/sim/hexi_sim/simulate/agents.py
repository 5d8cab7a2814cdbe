"""The executors of all sites: what is placed starts, runs as long as it runs, and ends."""

from __future__ import annotations

import random
from collections import defaultdict

from hexi.scheduler.v1 import place_pb2

from hexi_sim.simulate.ledger import LIVE, Ledger

START_S_MAX = 30
STARTED, ENDED = place_pb2.RUN_STATE_STARTED, place_pb2.RUN_STATE_ENDED


class Agents:
    """Knows when each live placement has its next report; a lost site says nothing."""

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self._ledger, self._seed = ledger, seed
        self.durations_s: dict[str, int] = {}  # by workload; 0 runs on for ever
        self.lost: set[str] = set()

    def next_report(
        self, placement: place_pb2.PlacementRecord, now_ms: int
    ) -> tuple[int, int] | None:
        """(at, what) of the report that follows this record of a placement."""
        if placement.state == place_pb2.PLACEMENT_STATE_PLACED:
            dice = random.Random(f"{self._seed}/{placement.placement_id}")
            return now_ms + dice.randint(1, START_S_MAX) * 1_000, STARTED
        if placement.state == place_pb2.PLACEMENT_STATE_STARTED:
            duration_s = self.durations_s.get(placement.workload.workload_id, 0)
            return (now_ms + duration_s * 1_000, ENDED) if duration_s else None
        return None

    def stopped(self, placement: place_pb2.PlacementRecord) -> None:
        """What it did until its last checkpoint need not be done again."""
        workload = placement.workload
        left_s = self.durations_s.get(workload.workload_id, 0)
        interval_s = workload.spec.checkpoint_interval_s if workload.spec.interruptible else 0
        if left_s and interval_s and placement.started_at_ms:
            ran_s = max(0, placement.ended_at_ms - placement.started_at_ms) // 1_000
            self.durations_s[workload.workload_id] = max(1, left_s - ran_s + ran_s % interval_s)

    def reports(
        self, due: list[tuple[str, str, int]], now_ms: int
    ) -> dict[str, place_pb2.RunReports]:
        """Of what is due (site, placement, what): what each site says, of what still lives."""
        said: defaultdict[str, place_pb2.RunReports] = defaultdict(place_pb2.RunReports)
        for site_id, name, state in due:
            held = self._ledger.sites[site_id].live.get(name)
            if held is None or site_id in self.lost or held.placement.state not in LIVE:
                continue
            said[site_id].reports.add(
                placement_id=name,
                state=state,
                at_ms=now_ms,
                energy_ws=self._energy_ws(held.placement, now_ms) if state == ENDED else 0,
            )
        return dict(said)

    def _energy_ws(self, placement: place_pb2.PlacementRecord, now_ms: int) -> int:
        """Its share of the busy watts of its servers, for as long as it ran."""
        fleet = self._ledger.sites[placement.site_id].fleet
        asked = placement.workload.spec.resources
        milli_w = 0
        for part in placement.allocations:
            of = int(fleet.server_set.cpu_milli[part.server])
            milli_w += 1_000 * int(fleet.cpu_w[part.server]) * asked.cpu_milli // max(1, of)
            milli_w += int(fleet.accelerator_w[part.server]) * len(part.devices) * part.device_milli
        return milli_w * max(0, now_ms - placement.started_at_ms) // 1_000_000
