"""Many series together as one value a group, for all groups at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

OVER = {"mean": 0, "sum": 1, "max": 2, "min": 3}
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Seen(NamedTuple):
    """Series by their group; one that is not fresh is known, but says nothing now."""

    group: NDArray[np.int32]
    value: Floats
    fresh: NDArray[np.bool_]


def together(seen: Seen, over: NDArray[np.int8]) -> Floats:
    """One value a group, not a number where there is none; `over` says how, by group.

    A sum needs all of its known parts: without one of two feeds it would be half the truth.
    """
    groups = len(over)
    fresh = seen.fresh & np.isfinite(seen.value)
    group, value = seen.group, seen.value
    if not fresh.all():
        group, value = group[fresh], value[fresh]
    count = np.bincount(group, minlength=groups)
    total = np.bincount(group, value, minlength=groups)
    found = np.full(groups, np.nan)
    np.divide(total, count, out=found, where=(count > 0) & (over == OVER["mean"]))
    whole = (count > 0) & (count == np.bincount(seen.group, minlength=groups))
    np.copyto(found, total, where=whole & (over == OVER["sum"]))
    for how, best in ((OVER["max"], np.maximum), (OVER["min"], np.minimum)):
        meant = over[group] == how
        if meant.any():
            extreme = np.full(groups, np.nan)
            extreme[group[meant]] = value[meant]
            best.at(extreme, group[meant], value[meant])
            np.copyto(found, extreme, where=(count > 0) & (over == how))
    return found


def best_of(cell: Ints, rank: Ints, value: Floats, cells: int) -> Floats:
    """In each cell the value of the lowest rank that has one."""
    found = np.full(cells, np.nan)
    order = np.argsort(-rank, kind="stable")
    order = order[np.isfinite(value[order])]
    # Of several that are written to one place the last stays.
    found[cell[order]] = value[order]
    return found
