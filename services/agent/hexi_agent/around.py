"""What surrounds a site's parts, and how they join the life of the process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any

from hexi_kit.clock import Clock, SystemClock
from hexi_kit.identity import Identity
from hexi_kit.lifecycle import Lifecycle
from hexi_kit.rpc.channel import open_channel

from hexi_agent.backoff import Backoff
from hexi_agent.settings import AgentSettings

FIRST_WAIT_S = 0.1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the process hands in."""

    settings: AgentSettings
    identity: Identity
    clock: Clock
    dice: Random
    lifecycle: Lifecycle


class SiteParts:
    """Adds the parts of one site to the lifecycle, under the site's name."""

    def __init__(self, around: Surroundings, site_id: str) -> None:
        self.around, self._site_id = around, site_id
        self.clock, self.real_clock = around.clock, SystemClock()

    def run(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """In the background, as long as the process lives."""
        self.around.lifecycle.add_background(f"{self._site_id} {name}", run)

    def ends(
        self, name: str, stop: Callable[[], Awaitable[object]], timeout_s: float = 1.0
    ) -> None:
        self.around.lifecycle.add(f"{self._site_id} {name}", None, stop, timeout_s)

    def channel(self, address: str) -> Any:
        channel: Any = open_channel(address, self.around.identity)
        self.ends(f"channel {address}", channel.close)
        return channel

    def backoff(self, most_s: float) -> Backoff:
        return Backoff(self.real_clock, self.around.dice, FIRST_WAIT_S, most_s)
