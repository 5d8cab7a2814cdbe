"""Keeps a consumer's request from sleeping at the broker while records come that it left out.

aiokafka asks for all partitions but those whose records nobody has taken yet. Such a request may
sleep its full time, and whatever comes meanwhile to a partition left out sleeps with it: a consumer
that was busy for a tenth of a second stood still for half a second.
"""

from __future__ import annotations

from typing import Any

LEFT_OUT_WAIT_MS = 25


def ask_again_soon(consumer: Any) -> None:
    """Call once after `start`: a request that leaves partitions out comes back soon."""
    fetcher = consumer._fetcher  # aiokafka has no option for it
    plan, wait_ms = fetcher._get_actions_per_node, fetcher._fetch_max_wait_ms

    def planned(assignment: Any) -> Any:
        fetcher._fetch_max_wait_ms = min(LEFT_OUT_WAIT_MS, wait_ms) if fetcher._records else wait_ms
        return plan(assignment)

    fetcher._get_actions_per_node = planned


def fetch_nothing(consumer: Any) -> None:
    """Call once after `start`: it keeps its membership and its positions, others read."""
    fetcher = consumer._fetcher
    plan = fetcher._get_actions_per_node

    def planned(assignment: Any) -> Any:
        _, *others = plan(assignment)
        return [], *others

    fetcher._get_actions_per_node = planned
