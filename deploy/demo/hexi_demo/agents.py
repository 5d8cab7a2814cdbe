"""One agent a site: its configuration file, its process, and what its spool says at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from hexi_agent.spool import highest_sequences, pending
from hexi_local import LocalHexi

from hexi_demo.exporter import Exporter
from hexi_demo.province import ALL_SITES, CONNECTED, SiteFacts, servers_of

PERIOD_MS = 60_000


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is simulated in all sites together; `models` is empty for the agent's own catalogue."""

    servers: int
    seed: int
    models: Sequence[Mapping[str, int | str]] = ()


class Agents:
    """Starts and stops every site's agent."""

    def __init__(self, hexi: LocalHexi, state_dir: Path, fleet: Fleet, exporter: Exporter) -> None:
        self._hexi = hexi
        self._state_dir = state_dir.resolve()
        self._fleet = fleet
        self._exporter = exporter

    async def start(self) -> None:
        await asyncio.gather(*(self._start(facts) for facts in ALL_SITES))

    async def _start(self, facts: SiteFacts) -> None:
        home = self._home(facts)
        home.mkdir(parents=True, exist_ok=True)
        config = home / "agent.yaml"
        config.write_text(yaml.safe_dump(self._config(facts)), encoding="utf-8")
        name = f"agent-{facts.site_id}"
        await self._hexi.start_further(name, "hexi_agent.main", ["--config", str(config)], {})

    def _config(self, facts: SiteFacts) -> dict[str, object]:
        common = {
            "site_id": facts.site_id,
            "agent_id": "1",
            "identity": f"agent-{facts.site_id}",
            "state_dir": str(self._home(facts)),
            "period_ms": PERIOD_MS,
            "publish": True,
        }
        return common | (self._asked(facts) if facts is CONNECTED else self._simulated(facts))

    def _simulated(self, facts: SiteFacts) -> dict[str, object]:
        servers = servers_of(facts, self._fleet.servers)
        return {
            "host": facts.holds_this_machine,
            "fleet": {
                "servers": servers - int(facts.holds_this_machine),
                "seed": self._fleet.seed,
                "models": list(self._fleet.models),
                "pue_milli": facts.pue_milli,
            },
            "executors": ["fleet", "host"] if facts.holds_this_machine else ["fleet"],
        }

    def _asked(self, facts: SiteFacts) -> dict[str, object]:
        """A table of hosts, and a page that speaks of them."""
        hosts = self._home(facts) / "hosts.csv"
        self._exporter.write_hosts(hosts)
        source = {
            "kind": "openmetrics",
            "period_ms": PERIOD_MS,
            "server_label": "node",
            "targets": [{"url": self._exporter.url, "server": "feed"}],
        }
        return {"hosts": str(hosts), "sources": [source], "executors": ["fleet"]}

    def _home(self, facts: SiteFacts) -> Path:
        return self._state_dir / "agents" / facts.site_id

    async def stop(self) -> None:
        """End all agents; each sends what its spool holds before it goes."""
        await asyncio.gather(*(self._hexi.stop_one(f"agent-{f.site_id}") for f in ALL_SITES))

    async def resume(self) -> None:
        await asyncio.gather(*(self._hexi.start_one(f"agent-{f.site_id}") for f in ALL_SITES))

    def undecided(self) -> int:
        """Frames that lie in a spool still."""
        return sum(pending(self._home(facts)) for facts in ALL_SITES)

    def sent(self) -> dict[tuple[str, str, int], int]:
        """Highest sequence each agent ever wrote to its spool, by (site, agent, epoch)."""
        found: dict[tuple[str, str, int], int] = {}
        for facts in ALL_SITES:
            found |= highest_sequences(self._home(facts))
        return found
