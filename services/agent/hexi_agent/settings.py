"""What the agent's process is told from outside."""

from pathlib import Path

from hexi_kit.settings import ServiceSettings


class AgentSettings(ServiceSettings):
    """The shared variables, and where the agent's own file is when no argument names it."""

    agent_config: Path = Path("agent.yaml")
