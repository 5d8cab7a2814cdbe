"""Why this site: the cost of the chosen one beside the next, as of the decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from hexi_scheduler.domain.cost import CostTerms


class Score(NamedTuple):
    """A class of a site and the terms of its cost."""

    site_id: str
    class_id: str
    terms: CostTerms


@dataclass(slots=True)
class Choice:
    """The chosen one first; `body` is its wire form, made when it is first written."""

    scores: tuple[Score, ...]
    cheapest_full: Score | None = None
    body: bytes = field(default=b"", compare=False, repr=False)
