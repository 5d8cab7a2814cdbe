"""Every value that the rules can yield: a rule at one server, or a meter of the site."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_agent.domain.readings import METERS, METRICS
from hexi_agent.domain.reckoning import OVER, Floats, Ints, Seen, best_of, together
from hexi_agent.mapping.rules import Rule

SITE = -1


class Table(NamedTuple):
    """What the rules say, one entry a rule. `kept` marks meters that are summed up from watts."""

    metric: Ints
    meter: Ints
    scale: Floats
    offset: Floats
    over: NDArray[np.int8]
    divides: NDArray[np.bool_]


class Outputs:
    """Groups are numbered by output: dividend 2n, divisor 2n+1."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._table = Table(
            np.array([METRICS[r.metric].number if r.metric else 0 for r in rules], np.int64),
            np.array([METERS.index(r.meter) if r.meter else -1 for r in rules], np.int64),
            np.array([r.scale for r in rules]),
            np.array([r.offset for r in rules]),
            # A meter of the site is the sum of its feeds.
            np.array([OVER["sum" if r.meter else r.over] for r in rules], np.int8),
            np.array([r.per is not None for r in rules], np.bool_),
        )
        self._numbers: dict[tuple[int, int, int], int] = {}
        self._rule, self._server, self._rank = array("q"), array("q"), array("q")

    def number(self, rule: int, source: int, server: int) -> int:
        """Of a rule for a server by a source; of a meter for the whole site."""
        is_meter = bool(self._table.meter[rule] >= 0)
        key = (rule, 0, SITE) if is_meter else (rule, source, server)
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self._rule)
            self._rule.append(rule)
            self._server.append(key[2])
            self._rank.append(rule << 16 | key[1])
        return found

    def values(self, seen: Seen) -> Floats:
        """One value an output, not a number where there is none."""
        rule = np.array(self._rule)
        over = np.repeat(self._table.over[rule], 2)
        groups = together(seen, over)
        dividend, divisor = groups[0::2], groups[1::2]
        divides = self._table.divides[rule]
        usable = divides & np.isfinite(divisor) & (divisor != 0)
        value = np.where(divides, np.nan, dividend)
        np.divide(dividend, divisor, out=value, where=usable)
        return np.asarray(self._table.offset[rule] + self._table.scale[rule] * value)

    def of_metric(self, metric: int, values: Floats, servers: int) -> Floats:
        """A column of all servers: of each the value that its first rule yields."""
        chosen = np.flatnonzero(self._table.metric[np.array(self._rule)] == metric)
        server, rank = np.array(self._server)[chosen], np.array(self._rank)[chosen]
        return best_of(server, rank, values[chosen], servers)

    def of_meter(self, meter: str, values: Floats) -> tuple[float, int]:
        """What the meter's first rule with a value yields, and that rule; NaN and -1 if none."""
        rule = np.array(self._rule)
        chosen = np.flatnonzero(self._table.meter[rule] == METERS.index(meter))
        chosen = chosen[np.isfinite(values[chosen])]
        if not len(chosen):
            return float("nan"), -1
        first = chosen[np.argmin(rule[chosen])]
        return float(values[first]), int(rule[first])

    def metrics(self) -> list[int]:
        """Metrics that any output yields, in order."""
        # Not np.unique: it loads masked arrays, seven megabytes of them.
        used = np.bincount(self._table.metric[np.array(self._rule)]) if self._rule else np.zeros(1)
        return [int(metric) for metric in np.flatnonzero(used) if metric]

    def __len__(self) -> int:
        return len(self._rule)
