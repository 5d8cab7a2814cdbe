"""What every part of the demo works with."""

from __future__ import annotations

from dataclasses import dataclass

from hexi_local import LocalHexi

from hexi_demo.agents import Agents
from hexi_demo.doors import Doors
from hexi_demo.identities import Cast
from hexi_demo.live import LiveView
from hexi_demo.options import DemoOptions
from hexi_demo.watch import Watch


@dataclass(frozen=True, slots=True)
class Stage:
    """One running province and who watches it."""

    options: DemoOptions
    hexi: LocalHexi
    doors: Doors
    cast: Cast
    view: LiveView
    watch: Watch
    agents: Agents
