"""The compiled part of capacity: a server's cells and its pool's sums, as work comes and goes."""

from __future__ import annotations

from hexi_scheduler.domain.packing.columns import (
    CPU,
    CPU_FREE,
    CPU_UNITS,
    DEVICES,
    LAST,
    MASK,
    MEMORY,
    MEMORY_FREE,
    MILLI_FREE,
    POOL,
    RING,
    SHUT,
    TURN,
    UNITS_FREE,
    UNKNOWN,
    WORTH,
    Int32s,
    Int64s,
)
from hexi_scheduler.domain.packing.compiled import compiled
from hexi_scheduler.domain.workload import CPU_MILLI_PER_UNIT, WHOLE


@compiled
def move(
    cells: Int32s, log: Int32s, pools: Int64s, slot: int, change: tuple[int, int, int, int]
) -> None:
    """Milli-vCPU, MiB and milli of each of these devices (bits) more, or less, on a slot."""
    cpu, memory, devices, milli = change
    pool, before, wholes, total = int(cells[slot, POOL]), int(cells[slot, CPU]), 0, 0
    cells[slot, CPU] = before + cpu
    cells[slot, MEMORY] += memory
    column = DEVICES
    while devices:
        if devices & 1:
            had = int(cells[slot, column])
            cells[slot, column] = had + milli
            wholes += int(had + milli == WHOLE) - int(had == WHOLE)
            total += milli
        devices >>= 1
        column += 1
    if not cells[slot, SHUT]:
        if pools[pool, CPU_UNITS]:
            wholes = (before + cpu) // CPU_MILLI_PER_UNIT - before // CPU_MILLI_PER_UNIT
        pools[pool, CPU_FREE] += cpu
        pools[pool, MEMORY_FREE] += memory
        pools[pool, MILLI_FREE] += total
        pools[pool, UNITS_FREE] += wholes
    note(cells, log, pools, slot)


@compiled
def note(cells: Int32s, log: Int32s, pools: Int64s, slot: int) -> None:
    """Who keeps something of the slot must look at it again."""
    pool = int(cells[slot, POOL])
    ring, change = pools[pool, RING], int(log[pools[pool, RING]])
    log[ring + 1 + (change & pools[pool, MASK])] = slot
    cells[slot, LAST] = change
    cells[slot, WORTH] = UNKNOWN
    log[ring] = (change + 1) & TURN
