"""Free capacity of a site's servers as rows of one table, cut into blocks of one pool each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 128
LOG_MIN = 64
# Columns of the cells; from DEVICES on, the free milli of each device, -1 where there is none.
CPU, MEMORY, SHUT, SERVER, CPU_TOTAL, POOL, LAST, WORTH, DEVICES = range(9)
EMPTY = 1 << 30  # the reason why a slot without a server is shut
UNKNOWN = -(1 << 31)  # the worth of a server that has changed
TURN = (1 << 31) - 1  # changes are counted up to here, then from 0
# Columns of the pools: what its servers in service have free together, wholly free devices (or
# whole vCPUs, where CPU_UNITS is set), and where its log begins and the mask of its numbers.
CPU_FREE, MEMORY_FREE, MILLI_FREE, UNITS_FREE, CPU_UNITS, RING, MASK = range(7)
POOL_COLUMNS = 8
LINE_BYTES = 64  # of the cache: a server of eight devices has one, as has a pool

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]


class Columns(NamedTuple):
    """Cells by slot and column; a pool's slots are consecutive, in the order of its servers.

    SHUT has one bit a reason. `log` tells a board what to catch up with: of each pool, how many
    changes there were, and a ring of the slots that changed. LAST is the number of a slot's newest
    change, WORTH what the board found it worth since. All of a server lies together in memory.
    """

    cells: Int32s
    log: Int32s
    pools: Int64s

    @property
    def slots(self) -> int:
        return len(self.cells)

    @property
    def devices_max(self) -> int:
        return int(self.cells.shape[1]) - DEVICES


def blank(sizes: list[int], devices: int) -> Columns:
    """Columns for pools of these many servers, all slots empty."""
    blocks = [-(-size // BLOCK) for size in sizes]
    pools = _aligned(len(sizes), POOL_COLUMNS * 8).view(np.int64)
    end = 0
    for number, size in enumerate(sizes):
        ring = LOG_MIN
        while ring < size:
            ring *= 2
        pools[number, [RING, MASK]] = end, ring - 1
        end += ring + 1
    cells = _aligned(sum(blocks) * BLOCK, (DEVICES + max(1, devices)) * 4).view(np.int32)
    cells[:, SHUT] = EMPTY
    cells[:, [SERVER, LAST]] = -1
    cells[:, WORTH] = UNKNOWN
    cells[:, DEVICES:] = -1
    cells[:, POOL] = np.repeat(np.arange(len(sizes)), np.array(blocks, np.int64) * BLOCK)
    return Columns(cells, np.zeros(end, np.int32), pools)


def _aligned(rows: int, width_bytes: int) -> NDArray[np.uint8]:
    """Zeros that begin with a line of the cache."""
    size = rows * width_bytes
    room = np.zeros(size + LINE_BYTES, np.uint8)
    start = -room.ctypes.data % LINE_BYTES
    return room[start : start + size].reshape(rows, width_bytes)
