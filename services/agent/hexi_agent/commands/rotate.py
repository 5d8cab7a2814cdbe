"""`hexi-agent rotate-key`: from its next number on, the agent beside us signs with a new key."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable

from hexi_kit.clock import SystemClock
from hexi_kit.errors import InvalidArgument, Violation

from hexi_agent.commands.output import say
from hexi_agent.config import read_config
from hexi_agent.keys import ASKED_FILE, FrameKeys, KeyRules
from hexi_agent.settings import config_files

POLL_S = 0.1


def run(chosen: argparse.Namespace) -> int:
    """0 when the new key signs; 1 if no agent took it up in time, whose next start will."""
    state_dir = read_config(config_files(chosen.config)[0]).state_dir
    if not state_dir.is_dir():
        raise InvalidArgument([Violation("state_dir", f"{state_dir}: no agent has run here")])
    asked = state_dir / ASKED_FILE
    asked.touch(mode=0o600)
    if not asyncio.run(_taken_up(asked.exists, chosen.timeout)):
        say(f"asked for; no agent took it up in {chosen.timeout:g} s, its next frame will")
        return 1
    newest = FrameKeys(state_dir, KeyRules()).newest
    if newest is None:
        raise InvalidArgument([Violation("state_dir", f"{state_dir}: its keys are unreadable")])
    say(f"{newest.private.key_id} signs from number {newest.from_sequence} on")
    return 0


async def _taken_up(is_asked: Callable[[], bool], timeout_s: float) -> bool:
    clock = SystemClock()
    end_s = clock.real_monotonic_s() + timeout_s
    while is_asked():
        if clock.real_monotonic_s() >= end_s:
            return False
        await clock.sleep(POLL_S)
    return True
