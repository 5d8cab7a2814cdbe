"""`hexi-agent check`: whether a configuration and all the files that it names are right."""

from __future__ import annotations

import argparse

from hexi_kit.clock import SystemClock
from hexi_kit.identity import Identity
from hexi_kit.settings import load

from hexi_agent.commands.output import say
from hexi_agent.config import read_config
from hexi_agent.gather import make_board, make_sources
from hexi_agent.hosts import read_hosts
from hexi_agent.settings import AgentSettings, config_files


def run(chosen: argparse.Namespace) -> int:
    """Whatever is wrong is raised; nothing is started."""
    settings = load(AgentSettings, [])
    for path in config_files(chosen.config):
        config = read_config(path)
        clock = SystemClock()
        hosts = read_hosts(config.hosts) if config.hosts is not None else []
        sources = make_sources(config, clock)
        make_board(config, hosts, sources, clock.now_ms)
        if not chosen.without_identity:
            Identity.load(settings.pki, config.identity)
        kinds = ", ".join(one.kind for one in config.sources) or "none"
        say(f"{path}: right; site {config.site_id}, {len(hosts)} hosts, sources: {kinds}")
    return 0
