"""The compiled part of packing: the cost of a shape on a server, and the server of least cost.

A cost is how much the worth of a server falls when the shape is put there, in thousandths of a
milli-device. Worth is a sum of table look-ups, so that a cost takes some ten nanoseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.packing.columns import BLOCK, Columns

NEVER = 2**31 - 1
WHOLE = 1_000
STEP_MILLI = 10
TOTAL_STEP_MILLI = 100
CPU_STEP_MILLI = 1_000
CPUS_PER_PACKAGE_MILLI = 32_000
CORE_MILLI = 2_000

F = TypeVar("F", bound=Callable[..., Any])


class Tables(NamedTuple):
    """Worth of a server's parts by pool, in thousandths of a milli-device."""

    cpu_steps: NDArray[np.int32]  # free vCPU that some shape asks, ascending
    device: NDArray[np.int32]  # [pool, cpu step, free milli / 10] of one device
    wholes: NDArray[np.int32]  # [pool, cpu step, wholly free devices]
    stranded: NDArray[np.int32]  # [pool, free vCPU, free devices x 10], as a loss
    package: NDArray[np.int32]  # [pool] price of waking a processor package
    left: NDArray[np.int32]  # price of a vCPU and of a device left over, each by the million


class Row(NamedTuple):
    """What one shape costs on each slot, and the least of each block."""

    costs: NDArray[np.int32]
    least: NDArray[np.int32]


class Query(NamedTuple):
    """A shape, and which entries of the log its row has not seen; begin < 0: none at all."""

    cpu_milli: int
    memory_mib: int
    accelerators: int
    device_milli: int
    begin: int
    end: int


class Choices(NamedTuple):
    """Pools as ranges of blocks, the price of the shape in each, and servers it may go to."""

    first: NDArray[np.int64]
    end: NDArray[np.int64]
    price: NDArray[np.int64]
    allowed: NDArray[np.bool_]  # by server; empty: all


def _compiled(function: F) -> F:
    return cast(F, numba.njit(cache=True, inline="never")(function))


@_compiled
def _step(steps: NDArray[np.int32], cpu: int) -> int:
    low, high = 0, len(steps)
    while low < high:
        middle = (low + high) >> 1
        if steps[middle] <= cpu:
            low = middle + 1
        else:
            high = middle
    return low


@_compiled
def _tightest(c: Columns, q: Query, slot: int) -> int:
    """The devices with least room to spare that hold a share each, as bits; 0 where too few do."""
    chosen = 0
    for _ in range(q.accelerators):
        best = -1
        for device in range(c.devices.shape[1]):
            milli = c.devices[slot, device]
            if milli < q.device_milli or (chosen >> device) & 1:
                continue
            if best < 0 or milli < c.devices[slot, best]:
                best = device
        if best < 0:
            return 0
        chosen |= 1 << best
    return chosen


@_compiled
def _packages(c: Columns, slot: int, cpu: int) -> int:
    """Processor packages with a busy core, two vCPU to a core."""
    cores = -(-int(c.cpu_total[slot]) // CORE_MILLI)
    busy = cores - cpu // CORE_MILLI
    return -(-busy * CORE_MILLI // CPUS_PER_PACKAGE_MILLI)


@_compiled
def _devices(
    c: Columns, t: Tables, q: Query, slot: int, step: int, wholes: int
) -> tuple[int, int]:
    """What taking devices changes in a server's worth, at best, and which (bits); 0: none hold."""
    pool = c.pool_of[slot // BLOCK]
    worth, asked = t.device[pool, step], q.device_milli
    several = q.accelerators > 1
    bits = _tightest(c, q, slot) if several else 0
    best = 0
    for device in range(c.devices.shape[1]):
        milli = int(c.devices[slot, device])
        if milli < asked or (several and not (bits >> device) & 1):
            continue
        change = int(worth[(milli - asked) // STEP_MILLI]) - int(worth[milli // STEP_MILLI])
        if several:
            best += change
            wholes -= milli == WHOLE
            continue
        if milli == WHOLE:
            change += int(t.wholes[pool, step, wholes - 1]) - int(t.wholes[pool, step, wholes])
        if not bits or change > best:
            best, bits = change, 1 << device
    if several:
        best += int(t.wholes[pool, step, wholes])
    return best, bits


@_compiled
def cost(c: Columns, t: Tables, q: Query, slot: int) -> tuple[int, int]:
    """What the shape costs on a slot, and on which devices (bits); NEVER where it does not fit."""
    cpu = int(c.cpu_milli[slot])
    if cpu < q.cpu_milli or c.shut[slot]:
        return NEVER, 0
    after = cpu - q.cpu_milli
    pool = c.pool_of[slot // BLOCK]
    step, step_after = _step(t.cpu_steps, cpu), _step(t.cpu_steps, after)
    found = total = wholes = 0
    for device in range(c.devices.shape[1]):
        milli = int(c.devices[slot, device])
        if milli < 0:
            break
        part = milli // STEP_MILLI
        found += int(t.device[pool, step, part]) - int(t.device[pool, step_after, part])
        total += milli
        wholes += milli == WHOLE
    found += int(t.wholes[pool, step, wholes])
    bits = 0
    if q.accelerators:
        change, bits = _devices(c, t, q, slot, step_after, wholes)
        if not bits:
            return NEVER, 0
        found -= change
    if q.accelerators < 2:
        found -= int(t.wholes[pool, step_after, wholes])
    found -= int(t.stranded[pool, cpu // CPU_STEP_MILLI, -(-total // TOTAL_STEP_MILLI)])
    total -= q.accelerators * q.device_milli
    found += int(t.stranded[pool, after // CPU_STEP_MILLI, -(-total // TOTAL_STEP_MILLI)])
    found += (after * int(t.left[0]) + total * int(t.left[1])) // 1_000_000
    woken = _packages(c, slot, after) - _packages(c, slot, cpu)
    return found + woken * int(t.package[pool]), bits


@_compiled
def _least_of(row: Row, block: int) -> int:
    least = NEVER
    for slot in range(block * BLOCK, (block + 1) * BLOCK):
        least = min(least, int(row.costs[slot]))
    return least


@_compiled
def _catch_up(c: Columns, t: Tables, row: Row, q: Query) -> None:
    if q.begin < 0:
        for slot in range(len(row.costs)):
            row.costs[slot] = cost(c, t, q, slot)[0]
        for block in range(len(row.least)):
            row.least[block] = _least_of(row, block)
        return
    for entry in range(q.begin, q.end):
        slot = c.log[entry & (len(c.log) - 1)]
        block = slot // BLOCK
        before, now = row.costs[slot], cost(c, t, q, slot)[0]
        row.costs[slot] = now
        if now < row.least[block]:
            row.least[block] = now
        elif before == row.least[block] and now > before:
            row.least[block] = _least_of(row, block)


@_compiled
def _in_block(c: Columns, row: Row, q: Query, allowed: NDArray[np.bool_], block: int) -> int:
    """The slot of least cost in a block that has the memory and is allowed; -1 for none."""
    best = -1
    for slot in range(block * BLOCK, (block + 1) * BLOCK):
        found = row.costs[slot]
        if found == NEVER or c.memory_mib[slot] < q.memory_mib:
            continue
        if len(allowed) and not allowed[c.server_of[slot]]:
            continue
        if best < 0 or found < row.costs[best]:
            best = slot
    return best


@_compiled
def _promising(row: Row, among: Choices) -> int:
    """The block with the least cost plus price, whatever its servers' memory; -1 for none."""
    best, found = 2**62, -1
    for k in range(len(among.price)):
        for block in range(among.first[k], among.end[k]):
            total = int(row.least[block]) + int(among.price[k])
            if total < best and row.least[block] != NEVER:
                best, found = total, block
    return found


@_compiled
def _before(c: Columns, total: int, slot: int, best: int, known: int) -> bool:
    """The order of choice: by cost, then by server."""
    return total < best or (total == best and bool(c.server_of[slot] < c.server_of[known]))


@_compiled
def find(c: Columns, t: Tables, row: Row, q: Query, among: Choices) -> tuple[int, int]:
    """The slot of least cost plus price, then of lowest server, and its devices; -1 for none."""
    _catch_up(c, t, row, q)
    # The block that looks best is tried first: it nearly always ends the search.
    first = _promising(row, among)
    best, slot = 2**62, -1
    for turn in range(2 if first >= 0 else 0):
        for k in range(len(among.price)):
            for block in range(among.first[k], among.end[k]):
                bound = int(row.least[block]) + int(among.price[k])
                if (block == first) != (turn == 0) or row.least[block] == NEVER:
                    continue
                if not _before(c, bound, block * BLOCK, best, slot):
                    continue
                found = _in_block(c, row, q, among.allowed, block)
                total = int(row.costs[found]) + int(among.price[k])
                if found >= 0 and _before(c, total, found, best, slot):
                    best, slot = total, found
    if slot < 0:
        return -1, 0
    return slot, cost(c, t, q, slot)[1]
