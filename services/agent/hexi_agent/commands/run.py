"""`hexi-agent run`: measures, sends and works until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence

from hexi_kit.identity import Identity
from hexi_kit.ids import derive, seeded
from hexi_kit.process import prepare
from hexi_kit.settings import load

from hexi_agent.around import Surroundings
from hexi_agent.config import AgentConfig, read_config
from hexi_agent.settings import AgentSettings
from hexi_agent.site import SiteAgent


def run(chosen: argparse.Namespace) -> int:
    """Each file is a site."""
    settings = load(AgentSettings, [])
    configs = [read_config(path) for path in chosen.config]
    if chosen.validate:
        load(AgentSettings, ["--validate"])
    return asyncio.run(_run(settings, configs))


async def _run(settings: AgentSettings, configs: Sequence[AgentConfig]) -> int:
    """One process, one site; several files put several small sites into one process."""
    process = prepare(configs[0].identity, settings)
    for config in configs:
        identity = Identity.load(settings.pki, config.identity)
        # Each site waits differently, and the same after every start.
        dice = seeded(int(derive("agent", config.site_id, config.agent_id), 36))
        around = Surroundings(settings, identity, process.clock, dice, process.lifecycle)
        SiteAgent(around, config).add_parts()
    return await process.lifecycle.run_until_signal()
