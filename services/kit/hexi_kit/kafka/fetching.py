"""Keeps a consumer's request from sleeping at the broker while records come that it left out.

aiokafka asks for all partitions but those whose records nobody has taken yet. Such a request may
sleep its full time, and whatever comes meanwhile to a partition left out sleeps with it: a consumer
that was busy for a tenth of a second stood still for half a second, Faust's for one and a half.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

LEFT_OUT_WAIT_MS = 25


def ask_again_soon(consumer: Any, untaken: Container[str] = ()) -> None:
    """Call once after `start`: a request that leaves partitions out comes back soon.

    Nobody ever takes the records of the topics in `untaken`; for them nothing needs to hurry.
    """
    fetcher = consumer._fetcher  # aiokafka has no option for it
    plan, wait_ms = fetcher._get_actions_per_node, fetcher._fetch_max_wait_ms

    def planned(assignment: Any) -> Any:
        leaves_out = any(tp.topic not in untaken for tp in fetcher._records)
        fetcher._fetch_max_wait_ms = min(LEFT_OUT_WAIT_MS, wait_ms) if leaves_out else wait_ms
        return plan(assignment)

    fetcher._get_actions_per_node = planned
