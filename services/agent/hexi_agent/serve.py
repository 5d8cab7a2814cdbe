"""The running agent: one process, one site; several files put several small sites into one."""

from __future__ import annotations

from hexi_kit.identity import Identity
from hexi_kit.ids import derive, seeded
from hexi_kit.process import prepare

from hexi_agent.around import Surroundings
from hexi_agent.site import SiteAgent
from hexi_agent.told import Told


async def serve(told: Told) -> int:
    """Until a signal; the code with which the process ends."""
    settings = told.settings
    process = prepare(told.sites[0].config.identity, settings)
    for config, rules in told.sites:
        identity = Identity.load(settings.pki, config.identity)
        # Each site waits differently, and the same after every start.
        dice = seeded(int(derive("agent", config.site_id, config.agent_id), 36))
        around = Surroundings(settings, identity, process.clock, dice, process.lifecycle)
        SiteAgent(around, config, rules).add_parts()
    return await process.lifecycle.run_until_signal()
