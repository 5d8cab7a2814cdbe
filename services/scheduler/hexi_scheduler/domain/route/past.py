"""What a workload has behind it when ROUTE decides about it anew."""

from __future__ import annotations

from typing import NamedTuple


class Past(NamedTuple):
    """Attempts so far, who declined and when, whether a site was lost, and what is done of it."""

    attempt: int = 0
    tried: tuple[tuple[str, int], ...] = ()
    rescued: bool = False
    done_s: int = 0


NO_PAST = Past()
