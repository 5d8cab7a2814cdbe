"""The compiled part of packing: the cost of a shape on a server.

A cost is how much the worth of a server falls when the shape is put there, in thousandths of a
milli-device. Worth is a sum of table look-ups, so that a cost takes some ten nanoseconds.
"""

from __future__ import annotations

from hexi_scheduler.domain.packing.columns import (
    CPU,
    CPU_TOTAL,
    DEVICES,
    POOL,
    SHUT,
    UNKNOWN,
    WORTH,
    Int32s,
    Int64s,
)
from hexi_scheduler.domain.packing.compiled import compiled
from hexi_scheduler.domain.packing.worth import (
    CPU_STEP_MILLI,
    STEP_MILLI,
    TOTAL_STEP_MILLI,
    WHOLE,
    Tables,
)

NEVER = 2**31 - 1
CPUS_PER_PACKAGE_MILLI = 32_000
CORE_MILLI = 2_000
# Of a query: the shape, and from POOLS on of each pool, tier by tier: its number, first block, end,
# the price of the shape there, and the tier.
Q_CPU, Q_MEMORY, Q_ACCELERATORS, Q_MILLI, Q_POOLS = range(5)
POOL_WIDTH = 5

Query = Int64s
Taken = tuple[int, int]  # a cost or change of worth, and devices as bits


@compiled
def _step(steps: Int32s, cpu: int) -> int:
    low, high = 0, len(steps)
    while low < high:
        middle = (low + high) >> 1
        if steps[middle] <= cpu:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _tightest(cells: Int32s, q: Query, slot: int) -> int:
    """The devices with least room to spare that hold a share each, as bits; 0 where too few do."""
    chosen = 0
    for _ in range(q[Q_ACCELERATORS]):
        best = -1
        for device in range(cells.shape[1] - DEVICES):
            milli = cells[slot, DEVICES + device]
            if milli < q[Q_MILLI] or (chosen >> device) & 1:
                continue
            if best < 0 or milli < cells[slot, DEVICES + best]:
                best = device
        if best < 0:
            return 0
        chosen |= 1 << best
    return chosen


@compiled
def _packages(total: int, free: int) -> int:
    """Processor packages with a busy core, two vCPU to a core."""
    cores = (total + CORE_MILLI - 1) // CORE_MILLI
    busy = (cores - free // CORE_MILLI) * CORE_MILLI
    return (busy + CPUS_PER_PACKAGE_MILLI - 1) // CPUS_PER_PACKAGE_MILLI


@compiled
def _sum(cells: Int32s, t: Tables, slot: int, step: int) -> tuple[int, int, int]:
    """Worth of a server's devices beside this much vCPU, their free milli, and the wholes."""
    pool, worth, total, wholes = int(cells[slot, POOL]), 0, 0, 0
    for device in range(DEVICES, cells.shape[1]):
        milli = int(cells[slot, device])
        if milli < 0:
            break
        worth += int(t.device[pool, step, milli // STEP_MILLI])
        total += milli
        wholes += milli == WHOLE
    return worth + int(t.wholes[pool, step, wholes]), total, wholes


@compiled
def _worth(cells: Int32s, t: Tables, slot: int) -> int:
    """Of a server as it is: the same for all shapes, so it is kept until the server changes."""
    if cells[slot, WORTH] != UNKNOWN:
        return int(cells[slot, WORTH])
    cpu, pool = int(cells[slot, CPU]), int(cells[slot, POOL])
    worth, total, _ = _sum(cells, t, slot, _step(t.cpu_steps, cpu))
    worth -= _stranded(t, pool, cpu, total)
    cells[slot, WORTH] = worth
    return worth


@compiled
def _stranded(t: Tables, pool: int, cpu: int, devices_milli: int) -> int:
    part = (devices_milli + TOTAL_STEP_MILLI - 1) // TOTAL_STEP_MILLI
    return int(t.stranded[pool, cpu // CPU_STEP_MILLI, part])


@compiled
def _share(cells: Int32s, t: Tables, q: Query, place: tuple[int, int, int], wholes: int) -> Taken:
    """One share of the device where that changes worth for the best; bits 0: nowhere."""
    slot, pool, step = place
    worth, asked, best, bits = t.device[pool, step], int(q[Q_MILLI]), 0, 0
    for device in range(cells.shape[1] - DEVICES):
        milli = int(cells[slot, DEVICES + device])
        if milli < asked:
            continue
        change = int(worth[(milli - asked) // STEP_MILLI]) - int(worth[milli // STEP_MILLI])
        if milli == WHOLE:
            change += int(t.wholes[pool, step, wholes - 1]) - int(t.wholes[pool, step, wholes])
        if not bits or change > best:
            best, bits = change, 1 << device
    return best, bits


@compiled
def _several(cells: Int32s, t: Tables, q: Query, place: tuple[int, int, int], wholes: int) -> Taken:
    """Shares of several devices, where least room is to spare."""
    slot, pool, step = place
    worth, asked, change, left = t.device[pool, step], int(q[Q_MILLI]), 0, wholes
    bits = _tightest(cells, q, slot)
    for device in range(cells.shape[1] - DEVICES):
        if (bits >> device) & 1:
            milli = int(cells[slot, DEVICES + device])
            change += int(worth[(milli - asked) // STEP_MILLI]) - int(worth[milli // STEP_MILLI])
            left -= milli == WHOLE
    return change + int(t.wholes[pool, step, left]) - int(t.wholes[pool, step, wholes]), bits


@compiled
def _holds(cells: Int32s, q: Query, slot: int) -> bool:
    """Whether enough devices have a share free; most servers of a full fleet have not."""
    lacking = int(q[Q_ACCELERATORS])
    for device in range(DEVICES, cells.shape[1] if lacking else 0):
        lacking -= cells[slot, device] >= q[Q_MILLI]
    return lacking <= 0


@compiled
def cost(cells: Int32s, t: Tables, q: Query, slot: int) -> Taken:
    """What the shape costs on a slot, and on which devices (bits); NEVER where it does not fit."""
    cpu, pool = int(cells[slot, CPU]), int(cells[slot, POOL])
    if cpu < q[Q_CPU] or cells[slot, SHUT] or not _holds(cells, q, slot):
        return NEVER, 0
    after = cpu - int(q[Q_CPU])
    step = _step(t.cpu_steps, after)
    later, total, wholes = _sum(cells, t, slot, step)
    bits = 0
    if q[Q_ACCELERATORS]:
        place = (slot, pool, step)
        if q[Q_ACCELERATORS] == 1:
            change, bits = _share(cells, t, q, place, wholes)
        else:
            change, bits = _several(cells, t, q, place, wholes)
        if not bits:
            return NEVER, 0
        later += change
        total -= int(q[Q_ACCELERATORS]) * int(q[Q_MILLI])
    found = _worth(cells, t, slot) - later + _stranded(t, pool, after, total)
    found += (after * int(t.left[0]) + total * int(t.left[1])) // 1_000_000
    if t.package[pool]:
        owned = int(cells[slot, CPU_TOTAL])
        found += (_packages(owned, after) - _packages(owned, cpu)) * int(t.package[pool])
    return found, bits
