"""Free capacity of a site's servers as columns, cut into blocks of one pool each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 128
LOG_MIN = 1_024

Int16s = NDArray[np.int16]
Int32s = NDArray[np.int32]


class Columns(NamedTuple):
    """Indexed by slot; a pool's slots are consecutive, in the order of its servers' indices.

    `log` is a ring of slots that changed, by which a board catches up. An empty slot is shut.
    """

    cpu_milli: Int32s
    memory_mib: Int32s
    devices: Int16s  # [slot, device]: free milli, -1 where there is none
    shut: Int32s  # one bit a reason
    server_of: Int32s
    cpu_total: Int32s
    pool_of: Int32s  # of each block
    log: Int32s


EMPTY = 1 << 30


def blank(sizes: list[int], devices: int) -> Columns:
    """Columns for pools of these many servers, all slots empty."""
    blocks = [-(-size // BLOCK) for size in sizes]
    slots = sum(blocks) * BLOCK
    log = LOG_MIN
    while log < slots:
        log *= 2
    return Columns(
        np.zeros(slots, np.int32),
        np.zeros(slots, np.int32),
        np.full((slots, max(1, devices)), -1, np.int16),
        np.full(slots, EMPTY, np.int32),
        np.full(slots, -1, np.int32),
        np.zeros(slots, np.int32),
        np.repeat(np.arange(len(sizes), dtype=np.int32), blocks),
        np.zeros(log, np.int32),
    )
