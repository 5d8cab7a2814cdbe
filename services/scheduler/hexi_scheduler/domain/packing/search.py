"""The compiled search: rows of costs catch up with what changed, then the least is found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.packing.columns import (
    BLOCK,
    CPU_FREE,
    LAST,
    MASK,
    MEMORY,
    MEMORY_FREE,
    MILLI_FREE,
    RING,
    SERVER,
    TURN,
    UNITS_FREE,
    Int32s,
    Int64s,
)
from hexi_scheduler.domain.packing.compiled import compiled
from hexi_scheduler.domain.packing.kernel import (
    NEVER,
    POOL_WIDTH,
    Q_ACCELERATORS,
    Q_CPU,
    Q_MEMORY,
    Q_MILLI,
    Q_POOLS,
    Query,
    cost,
)
from hexi_scheduler.domain.packing.worth import WHOLE, Tables, unfolded

UNSEEN = -1

Parcel = tuple[Int32s, Int32s, Int64s]  # cells, log, pools


@compiled
def _least_of(row: Int32s, block: int) -> int:
    least = NEVER
    for slot in range(block * BLOCK, (block + 1) * BLOCK):
        least = min(least, int(row[slot]))
    return least


@compiled
def _catch_up(columns: Parcel, t: Tables, row: Int32s, q: Query, at: int) -> None:
    """With a pool of the query: in a row are the cost on each slot, the least of each block, and
    for each pool how far it has followed the log."""
    cells, log, pools = columns
    slots = len(cells)
    seen = slots + slots // BLOCK + q[at]
    ring, mask = pools[q[at], RING] + 1, pools[q[at], MASK]
    begin, now = int(row[seen]), log[ring - 1]
    behind = (now - begin) & TURN
    row[seen] = now
    if begin == UNSEEN or behind > mask:
        for slot in range(q[at + 1] * BLOCK, q[at + 2] * BLOCK):
            row[slot] = cost(cells, t, q, slot)[0]
        for block in range(q[at + 1], q[at + 2]):
            row[slots + block] = _least_of(row, block)
        return
    # All lines that are needed are asked of memory before the first is waited for.
    changed, before, count = np.empty(behind, np.int32), np.empty(behind, np.int32), 0
    for change in range(begin, begin + behind):
        slot = int(log[ring + (change & mask)])
        # Where it changed again, that entry will do.
        if cells[slot, LAST] == change & TURN:
            changed[count], before[count] = slot, row[slot]
            count += 1
    for at in range(count):
        now = cost(cells, t, q, changed[at])[0]
        if now != before[at]:
            _update(row, slots, changed[at], now)


@compiled
def _update(row: Int32s, slots: int, slot: int, now: int) -> None:
    """The cost of a slot is another, and the least of its block if it was that or is less."""
    block, before = slot // BLOCK, row[slot]
    least = slots + block
    row[slot] = now
    if now < row[least]:
        row[least] = now
    elif before == row[least]:
        row[least] = _least_of(row, block)


@compiled
def _in_block(cells: Int32s, row: Int32s, q: Query, allowed: NDArray[np.bool_], block: int) -> int:
    """The slot of least cost in a block that has the memory and is allowed; -1 for none."""
    best, least = -1, NEVER
    for slot in range(block * BLOCK, (block + 1) * BLOCK):
        # The cost first: the cells are far away in memory.
        if row[slot] >= least or cells[slot, MEMORY] < q[Q_MEMORY]:
            continue
        if len(allowed) and not allowed[cells[slot, SERVER]]:
            continue
        best, least = slot, int(row[slot])
    return best


@compiled
def _promising(least: Int32s, q: Query, begin: int, end: int) -> int:
    """The block with the least cost plus price, whatever its servers' memory; -1 for none."""
    best, found = 2**62, -1
    for pool in range(begin, end, POOL_WIDTH):
        for block in range(q[pool + 1], q[pool + 2]):
            total = int(least[block]) + int(q[pool + 3])
            if total < best and least[block] != NEVER:
                best, found = total, block
    return found


@compiled
def _before(cells: Int32s, total: int, slot: int, best: int, known: int) -> bool:
    """The order of choice: by cost, then by server."""
    return total < best or (total == best and bool(cells[slot, SERVER] < cells[known, SERVER]))


@compiled
def _best(
    cells: Int32s, row: Int32s, q: Query, allowed: NDArray[np.bool_], begin: int, end: int
) -> int:
    """Of the pools of a tier, the slot of least cost plus price; -1 for none."""
    least = row[len(cells) :]
    # The block that looks best is tried first: it nearly always ends the search.
    first = _promising(least, q, begin, end)
    best, slot = 2**62, -1
    for turn in range(2 if first >= 0 else 0):
        for pool in range(begin, end, POOL_WIDTH):
            for block in range(q[pool + 1], q[pool + 2]):
                if (block == first) != (turn == 0) or least[block] == NEVER:
                    continue
                price = int(q[pool + 3])
                if not _before(cells, int(least[block]) + price, block * BLOCK, best, slot):
                    continue
                found = _in_block(cells, row, q, allowed, block)
                if found >= 0 and _before(cells, int(row[found]) + price, found, best, slot):
                    best, slot = int(row[found]) + price, found
    return slot


@compiled
def _may_hold(pools: Int64s, q: Query, pool: int) -> bool:
    """False where all servers of a pool together have too little: no need to look at each."""
    milli = q[Q_ACCELERATORS] * q[Q_MILLI]
    if pools[pool, CPU_FREE] < q[Q_CPU] or pools[pool, MEMORY_FREE] < q[Q_MEMORY]:
        return False
    if q[Q_MILLI] >= WHOLE and pools[pool, UNITS_FREE] * WHOLE < milli:
        return False
    return bool(pools[pool, MILLI_FREE] >= milli)


@compiled
def find(
    columns: Parcel,
    tables: Int32s,
    row: Int32s,
    q: Query,
    allowed: NDArray[np.bool_],
) -> tuple[int, int]:
    """Of the first tier with room, the slot of least cost plus price, then of lowest server, and
    its devices; -1 for none.

    `allowed` is by server; empty: all are.
    """
    cells, _, pools = columns
    t = unfolded(tables)
    begin = Q_POOLS
    while begin < len(q):
        end, hopeful = begin, False
        while end < len(q) and q[end + 4] == q[begin + 4]:
            hopeful |= _may_hold(pools, q, q[end])
            end += POOL_WIDTH
        if hopeful:
            for pool in range(begin, end, POOL_WIDTH):
                _catch_up(columns, t, row, q, pool)
            slot = _best(cells, row, q, allowed, begin, end)
            if slot >= 0:
                return slot, cost(cells, t, q, slot)[1]
        begin = end
    return -1, 0
