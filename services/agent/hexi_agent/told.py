"""All that a running agent is told, read at once and found right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hexi_kit.settings import load

from hexi_agent.config import AgentConfig, read_config
from hexi_agent.gather import read_rules
from hexi_agent.mapping.rules import Rule
from hexi_agent.settings import AgentSettings, config_files


class Site(NamedTuple):
    """One file, and what its sources mean."""

    config: AgentConfig
    rules: Sequence[Rule]


class Told(NamedTuple):
    """The process's variables, and its sites."""

    settings: AgentSettings
    sites: Sequence[Site]


def read_told(files: Sequence[Path], is_asked: bool) -> Told:
    """`is_asked` shows the settings and ends the process.

    Raises:
        InvalidArgument: saying what is wrong where.
    """
    settings = load(AgentSettings, [])
    configs = [read_config(path) for path in config_files(files)]
    if is_asked:
        load(AgentSettings, ["--validate"])
    sites = [Site(one, read_rules(one) if one.sources else []) for one in configs]
    return Told(settings, sites)
