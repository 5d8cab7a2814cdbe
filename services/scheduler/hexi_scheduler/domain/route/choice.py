"""Why this site: the cost of the chosen one beside the next, as of the decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from hexi_scheduler.domain.route.cost import CostTerms


class Score(NamedTuple):
    """A class of a site and the terms of its cost, the latency where a region was asked for, and
    who pays a part of the price."""

    site_id: str
    class_id: str
    terms: CostTerms
    latency_us: int = 0
    latency_measured: bool = False
    voucher_id: str = ""


@dataclass(slots=True)
class Choice:
    """The chosen one first, by the weights of a date; `body` is its wire form, made once."""

    scores: tuple[Score, ...]
    cheapest_full: Score | None = None
    policy_effective_from: str = ""
    body: bytes = field(default=b"", compare=False, repr=False)
