"""The agent's process: `python -m hexi_agent.main --config site.yaml [--config other.yaml]`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from hexi_kit.errors import InvalidArgument
from hexi_kit.identity import Identity
from hexi_kit.ids import derive, seeded
from hexi_kit.process import prepare
from hexi_kit.settings import load

from hexi_agent.config import AgentConfig, read_config
from hexi_agent.settings import AgentSettings
from hexi_agent.site import SiteAgent, Surroundings


async def run(settings: AgentSettings, configs: Sequence[AgentConfig]) -> int:
    """One process, one site; several files put several small sites into one process."""
    process = prepare(configs[0].identity, settings)
    for config in configs:
        identity = Identity.load(settings.pki, config.identity)
        # Each site waits differently, and the same after every start.
        dice = seeded(int(derive("agent", config.site_id, config.agent_id), 36))
        around = Surroundings(settings, identity, process.clock, dice, process.lifecycle)
        SiteAgent(around, config).add_parts()
    return await process.lifecycle.run_until_signal()


def main(argv: Sequence[str]) -> int:
    """The files named by --config, else the one named by HEXI_AGENT_CONFIG."""
    parser = argparse.ArgumentParser(prog="hexi-agent")
    parser.add_argument("--config", type=Path, action="append")
    parser.add_argument("--validate", action="store_true")
    chosen = parser.parse_args(argv)
    settings = load(AgentSettings, [])
    try:
        configs = [read_config(path) for path in chosen.config or [settings.agent_config]]
    except InvalidArgument as error:
        sys.stderr.write(f"{error}\n")
        return 2
    load(AgentSettings, argv)
    try:
        return asyncio.run(run(settings, configs))
    except (FileNotFoundError, InvalidArgument) as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
