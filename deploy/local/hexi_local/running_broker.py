"""What is asked of the broker that runs: its topics, and the dead letters on them."""

from __future__ import annotations

import argparse

from hexi_kit.identity import Identity
from hexi_kit.kafka import replay
from hexi_kit.kafka.admin import ensure_topics, verify_topics

from hexi_local.commands import Refused, say
from hexi_local.kafka import SUPERVISOR, all_topics
from hexi_local.options import LocalOptions
from hexi_local.state import StateDir, read_json


def letters(options: LocalOptions, arguments: argparse.Namespace) -> int:
    """Look at them, send them again, or let them go."""
    return replay.run(arguments, *_found(options))


async def topics(options: LocalOptions) -> int:
    """Make missing ones; say how the others differ from the contracts."""
    bootstrap, identity = _found(options)
    made = await ensure_topics(bootstrap, identity, all_topics())
    differences = await verify_topics(bootstrap, identity, all_topics())
    say(f"{len(made)} topics made, {len(differences)} differences")
    for one in differences:
        say(f"{one.topic}: {one.setting}: expected {one.expected}, was {one.was}")
    return 1 if differences else 0


def _found(options: LocalOptions) -> tuple[str, Identity]:
    """Where it is, and the identity that may do all."""
    state = StateDir(options.state_dir)
    bootstrap = options.kafka_bootstrap or read_json(state.run_file).get("kafka", "")
    if not bootstrap:
        raise Refused("expected a running broker: start one with `up`")
    return bootstrap, Identity.load(state.pki, SUPERVISOR)
