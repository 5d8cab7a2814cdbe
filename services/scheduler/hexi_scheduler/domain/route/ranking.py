"""Sites and classes for one demand, cheapest first; and how far down that list there is no room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.route.choice import Choice, Score
from hexi_scheduler.domain.workload import Demand

Ints = NDArray[np.int64]

# A key is a cost and, below it, a rank by site and class: sorted keys are the total order.
RANK_BITS = 20
RANK_MASK = (1 << RANK_BITS) - 1
COST_MAX = (1 << (63 - RANK_BITS)) - 1  # eight million yuan a unit and slot: all the same beyond
NOTHING = np.zeros(0, np.int64)


class Ranking:
    """`keys` stand while the generation of the board does; `open` while its epoch does.

    Between two epochs room only shrinks: what was passed over need not be looked at again. Those
    that differ in `hours` alone have scores in common; it is 0 where more makes the cost.
    """

    __slots__ = (
        "best_starts",
        "beyond",
        "choices",
        "demand",
        "epoch",
        "hours",
        "keys",
        "near",
        "open",
        "pieces",
        "scores",
        "starts",
    )

    def __init__(self, demand: Demand, keys: Ints, hours: int = 0) -> None:
        self.demand, self.keys, self.hours = demand, keys, hours
        self.starts: tuple[int, ...] = ()
        # By hours ahead and hours it may wait: the wait, what it saves a unit and slot, the key.
        self.best_starts: dict[tuple[int, int], tuple[int, int, int]] = {}
        # Of runs in pieces, by what they need: the wait and what it saves a unit and slot.
        self.pieces: dict[tuple[int, int, int, bool], tuple[int, int]] = {}
        self.scores: dict[tuple[int, int], Score] = {}
        self.reopen(-1, NOTHING)

    def reopen(self, epoch: int, open_keys: Ints) -> None:
        self.epoch, self.open = epoch, open_keys
        self.choices: dict[tuple[str, str], Choice] = {}  # by what was chosen
        self.near = self.beyond = 0  # before them: no room in our share, no room at all
