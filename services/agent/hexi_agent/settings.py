"""What the agent's process is told from outside."""

from collections.abc import Sequence
from pathlib import Path

from hexi_kit.settings import ServiceSettings, load


class AgentSettings(ServiceSettings):
    """The shared variables, and where the agent's own file is when no argument names it."""

    agent_config: Path = Path("agent.yaml")


def config_files(named: Sequence[Path]) -> Sequence[Path]:
    """Those named by --config, else the one named by HEXI_AGENT_CONFIG."""
    return named or [load(AgentSettings, []).agent_config]
