"""Goal: the long form of the proof. 60,000 commands, seven kills -9 a seed, each decided once.

Method: seeds come from HEXI_CHAOS_SEEDS (default one); a failing seed repeats its kills.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hexi_kit.ids import random_id
from hexi_kit.testing.journal_worker import WorkerOptions
from hexi_kit.testing.journal_world import JournalWorld

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1_200)]
SEEDS = [int(seed) for seed in os.environ.get("HEXI_CHAOS_SEEDS", "1").split(",")]
COMMANDS, KILLS = 60_000, 7


@pytest.mark.parametrize("seed", SEEDS)
async def test_seven_kills(kafka, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    pki = kafka.supervisor.cert_path.parent
    options = WorkerOptions(random_id(), "", kafka.bootstrap, str(pki.parent), pki.name)
    async with JournalWorld(options, kafka.supervisor, tmp_path) as world:
        world.start_worker("one")
        sent = 0
        for kill in range(KILLS):
            share = (kill + 1) * COMMANDS // (KILLS + 1)
            await world.send(share - sent)
            sent = share
            # Killed while it works off the rest of its share.
            await world.until_decided(share - rng.randrange(1, COMMANDS // (KILLS + 2)))
            world.kill("one")
            world.start_worker("one")
        await world.send(COMMANDS - sent)
        await world.until_decided(COMMANDS)
        await world.read_all()

        assert world.wrong() == []
