"""Where the servers of one server set stand, for sums by rack over arrays by server."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hexi_telemetry.domain.facts import ServerSetFacts


@dataclass(frozen=True, slots=True)
class Layout:
    """`order` sorts servers by rack; those of the rack `filled[n]` begin at `starts[n]` of it."""

    servers: int
    racks: int
    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    filled: NDArray[np.int64]

    @classmethod
    def of(cls, server_set: ServerSetFacts) -> Layout:
        rack_index = np.array(server_set.rack_index, np.int64)
        order = np.argsort(rack_index, kind="stable")
        filled, starts = np.unique(rack_index[order], return_index=True)
        return cls(rack_index.size, len(server_set.racks), order, starts, filled)
