"""The compiled part of packing: the cost of a shape on a server, and the server of least cost.

A cost is how much the worth of a server falls when the shape is put there, in thousandths of a
milli-device. Worth is a sum of table look-ups, so that a cost takes some ten nanoseconds. Arrays
come in few parcels, since handing one over takes longer than that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.packing.columns import (
    BLOCK,
    CPU,
    CPU_TOTAL,
    DEVICES,
    LAST,
    MEMORY,
    POOL,
    SERVER,
    SHUT,
    TURN,
)

NEVER = 2**31 - 1
WHOLE = 1_000
STEP_MILLI = 10
TOTAL_STEP_MILLI = 100
CPU_STEP_MILLI = 1_000
CPUS_PER_PACKAGE_MILLI = 32_000
CORE_MILLI = 2_000
# Of a query: the shape, which entries of the log its row has not seen (begin < 0: none at all),
# and from POOLS on the pools: first block, end, and the price of the shape there.
Q_CPU, Q_MEMORY, Q_ACCELERATORS, Q_MILLI, Q_BEGIN, Q_END, Q_POOLS = range(7)

Int32s = NDArray[np.int32]
Query = NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., Any])


class Tables(NamedTuple):
    """Worth of a server's parts by pool, in thousandths of a milli-device."""

    cpu_steps: Int32s  # free vCPU that some shape asks, ascending
    device: Int32s  # [pool, cpu step, free milli / 10] of one device
    wholes: Int32s  # [pool, cpu step, wholly free devices]
    stranded: Int32s  # [pool, free vCPU, free devices x 10], as a loss
    package: Int32s  # [pool] price of waking a processor package
    left: Int32s  # price of a vCPU and of a device left over, each by the million


def flat(t: Tables) -> Int32s:
    """All tables as one array, their sizes first."""
    pools, steps, _ = t.device.shape
    sizes = [pools, steps, t.wholes.shape[2], t.stranded.shape[1], t.stranded.shape[2]]
    return np.concatenate([np.array(sizes, np.int32), *(part.ravel() for part in t)])


def _compiled(function: F) -> F:
    return cast(F, numba.njit(cache=True)(function))


@_compiled
def _unfolded(flat: Int32s) -> Tables:
    pools, steps, wholes = np.int64(flat[0]), np.int64(flat[1]), np.int64(flat[2])
    cpu, devices = np.int64(flat[3]), np.int64(flat[4])
    a = 5 + steps - 1
    b = a + pools * steps * (WHOLE // STEP_MILLI + 1)
    c = b + pools * steps * wholes
    d = c + pools * cpu * devices
    return Tables(
        flat[5:a],
        flat[a:b].reshape((pools, steps, WHOLE // STEP_MILLI + 1)),
        flat[b:c].reshape((pools, steps, wholes)),
        flat[c:d].reshape((pools, cpu, devices)),
        flat[d : d + pools],
        flat[d + pools : d + pools + 2],
    )


@_compiled
def _step(steps: Int32s, cpu: int) -> int:
    low, high = 0, len(steps)
    while low < high:
        middle = (low + high) >> 1
        if steps[middle] <= cpu:
            low = middle + 1
        else:
            high = middle
    return low


@_compiled
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


@_compiled
def _packages(total: int, free: int) -> int:
    """Processor packages with a busy core, two vCPU to a core."""
    cores = (total + CORE_MILLI - 1) // CORE_MILLI
    busy = (cores - free // CORE_MILLI) * CORE_MILLI
    return (busy + CPUS_PER_PACKAGE_MILLI - 1) // CPUS_PER_PACKAGE_MILLI


@_compiled
def _devices(cells: Int32s, t: Tables, q: Query, slot: int, step: int) -> tuple[int, int]:
    """What taking devices changes in their worth, at best, and which (bits); 0: too few hold."""
    worth, asked = t.device[cells[slot, POOL], step], int(q[Q_MILLI])
    several = q[Q_ACCELERATORS] > 1
    wholes = t.wholes[cells[slot, POOL], step]
    whole = 0
    for device in range(DEVICES, cells.shape[1]):
        whole += cells[slot, device] == WHOLE
    bits = _tightest(cells, q, slot) if several else 0
    best, left = 0, whole
    for device in range(cells.shape[1] - DEVICES):
        milli = int(cells[slot, DEVICES + device])
        if milli < asked or (several and not (bits >> device) & 1):
            continue
        change = int(worth[(milli - asked) // STEP_MILLI]) - int(worth[milli // STEP_MILLI])
        if several:
            best += change
            left -= milli == WHOLE
            continue
        if milli == WHOLE:
            change += int(wholes[whole - 1]) - int(wholes[whole])
        if not bits or change > best:
            best, bits = change, 1 << device
    return best + int(wholes[left]) - int(wholes[whole]), bits


@_compiled
def cost(cells: Int32s, t: Tables, q: Query, slot: int) -> tuple[int, int]:
    """What the shape costs on a slot, and on which devices (bits); NEVER where it does not fit."""
    cpu, pool = int(cells[slot, CPU]), int(cells[slot, POOL])
    if cpu < q[Q_CPU] or cells[slot, SHUT]:
        return NEVER, 0
    after = cpu - int(q[Q_CPU])
    step, step_after = _step(t.cpu_steps, cpu), _step(t.cpu_steps, after)
    found, bits = 0, 0
    if q[Q_ACCELERATORS]:
        change, bits = _devices(cells, t, q, slot, step_after)
        if not bits:
            return NEVER, 0
        found = -change
    total = wholes = 0
    before, later = t.device[pool, step], t.device[pool, step_after]
    for device in range(DEVICES, cells.shape[1]):
        milli = int(cells[slot, device])
        if milli < 0:
            break
        found += int(before[milli // STEP_MILLI]) - int(later[milli // STEP_MILLI])
        total += milli
        wholes += milli == WHOLE
    found += int(t.wholes[pool, step, wholes]) - int(t.wholes[pool, step_after, wholes])
    part = (total + TOTAL_STEP_MILLI - 1) // TOTAL_STEP_MILLI
    found -= int(t.stranded[pool, cpu // CPU_STEP_MILLI, part])
    total -= int(q[Q_ACCELERATORS]) * int(q[Q_MILLI])
    part = (total + TOTAL_STEP_MILLI - 1) // TOTAL_STEP_MILLI
    found += int(t.stranded[pool, after // CPU_STEP_MILLI, part])
    found += (after * int(t.left[0]) + total * int(t.left[1])) // 1_000_000
    if t.package[pool]:
        owned = int(cells[slot, CPU_TOTAL])
        found += (_packages(owned, after) - _packages(owned, cpu)) * int(t.package[pool])
    return found, bits


@_compiled
def _least_of(row: Int32s, block: int) -> int:
    least = NEVER
    for slot in range(block * BLOCK, (block + 1) * BLOCK):
        least = min(least, int(row[slot]))
    return least


@_compiled
def _catch_up(cells: Int32s, log: Int32s, t: Tables, row: Int32s, q: Query) -> None:
    """A row has the cost on each slot, then the least of each block."""
    slots = len(cells)
    if q[Q_BEGIN] < 0:
        for slot in range(slots):
            row[slot] = cost(cells, t, q, slot)[0]
        for block in range(slots // BLOCK):
            row[slots + block] = _least_of(row, block)
        return
    for entry in range(q[Q_BEGIN], q[Q_END]):
        slot = int(log[entry & (len(log) - 1)])
        if cells[slot, LAST] != entry & TURN:
            continue  # it changed again: that entry will do
        block = slot // BLOCK
        before, now = row[slot], cost(cells, t, q, slot)[0]
        row[slot] = now
        if now < row[slots + block]:
            row[slots + block] = now
        elif before == row[slots + block] and now > before:
            row[slots + block] = _least_of(row, block)


@_compiled
def _in_block(cells: Int32s, row: Int32s, q: Query, allowed: NDArray[np.bool_], block: int) -> int:
    """The slot of least cost in a block that has the memory and is allowed; -1 for none."""
    best = -1
    for slot in range(block * BLOCK, (block + 1) * BLOCK):
        if row[slot] == NEVER or cells[slot, MEMORY] < q[Q_MEMORY]:
            continue
        if len(allowed) and not allowed[cells[slot, SERVER]]:
            continue
        if best < 0 or row[slot] < row[best]:
            best = slot
    return best


@_compiled
def _promising(least: Int32s, q: Query) -> int:
    """The block with the least cost plus price, whatever its servers' memory; -1 for none."""
    best, found = 2**62, -1
    for pool in range(Q_POOLS, len(q), 3):
        for block in range(q[pool], q[pool + 1]):
            total = int(least[block]) + int(q[pool + 2])
            if total < best and least[block] != NEVER:
                best, found = total, block
    return found


@_compiled
def _before(cells: Int32s, total: int, slot: int, best: int, known: int) -> bool:
    """The order of choice: by cost, then by server."""
    return total < best or (total == best and bool(cells[slot, SERVER] < cells[known, SERVER]))


@_compiled
def find(
    cells: Int32s, log: Int32s, tables: Int32s, row: Int32s, q: Query, allowed: NDArray[np.bool_]
) -> tuple[int, int]:
    """The slot of least cost plus price, then of lowest server, and its devices; -1 for none.

    `allowed` is by server; empty: all are.
    """
    t = _unfolded(tables)
    _catch_up(cells, log, t, row, q)
    least = row[len(cells) :]
    # The block that looks best is tried first: it nearly always ends the search.
    first = _promising(least, q)
    best, slot = 2**62, -1
    for turn in range(2 if first >= 0 else 0):
        for pool in range(Q_POOLS, len(q), 3):
            for block in range(q[pool], q[pool + 1]):
                if (block == first) != (turn == 0) or least[block] == NEVER:
                    continue
                price = int(q[pool + 2])
                if not _before(cells, int(least[block]) + price, block * BLOCK, best, slot):
                    continue
                found = _in_block(cells, row, q, allowed, block)
                if found >= 0 and _before(cells, int(row[found]) + price, found, best, slot):
                    best, slot = int(row[found]) + price, found
    if slot < 0:
        return -1, 0
    return slot, cost(cells, t, q, slot)[1]
