"""Free capacity of a site's servers as rows of one table, cut into blocks of one pool each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 128
LOG_MIN = 64
# Columns of the cells; from DEVICES on, the free milli of each device, -1 where there is none.
CPU, MEMORY, SHUT, SERVER, CPU_TOTAL, POOL, LAST, WORTH, WORTH_AT, DEVICES = range(10)
EMPTY = 1 << 30  # the reason why a slot without a server is shut
NOT_YET = -2
TURN = (1 << 31) - 1  # changes are counted up to here, then from 0

Int32s = NDArray[np.int32]


class Columns(NamedTuple):
    """Cells by slot and column; a pool's slots are consecutive, in the order of its servers.

    SHUT has one bit a reason. `log` tells a board what to catch up with: of each pool, how many
    changes there were, and a ring of the slots that changed; `rings` says where each begins and the
    mask of its numbers. LAST is the number of a slot's newest change, WORTH what the board found it
    worth at WORTH_AT. All of a server lies together in memory.
    """

    cells: Int32s
    log: Int32s
    rings: tuple[tuple[int, int], ...]

    @property
    def slots(self) -> int:
        return len(self.cells)

    @property
    def devices_max(self) -> int:
        return int(self.cells.shape[1]) - DEVICES


def blank(sizes: list[int], devices: int) -> Columns:
    """Columns for pools of these many servers, all slots empty."""
    blocks = [-(-size // BLOCK) for size in sizes]
    slots = sum(blocks) * BLOCK
    rings, end = [], 0
    for size in sizes:
        ring = LOG_MIN
        while ring < size:
            ring *= 2
        rings.append((end, ring - 1))
        end += ring + 1
    cells = np.zeros((slots, DEVICES + max(1, devices)), np.int32)
    cells[:, SHUT] = EMPTY
    cells[:, [SERVER, LAST]] = -1
    cells[:, DEVICES:] = -1
    cells[:, POOL] = np.repeat(np.arange(len(sizes)), np.array(blocks, np.int64) * BLOCK)
    return Columns(cells, np.zeros(end, np.int32), tuple(rings))
