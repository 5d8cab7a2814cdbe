"""What runs on each server: written by an executor, read by the physics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Share(NamedTuple):
    """What one replica takes of one server, in thousandths of a CPU and of a device."""

    server: int
    cpu_milli: int
    accelerator_milli: int


class Load:
    """Integers, so that what was taken is given back exactly."""

    def __init__(self, servers: int) -> None:
        self.cpu_milli: NDArray[np.int64] = np.zeros(servers, np.int64)
        self.accelerator_milli: NDArray[np.int64] = np.zeros(servers, np.int64)

    def __len__(self) -> int:
        return len(self.cpu_milli)

    def take(self, shares: Iterable[Share]) -> None:
        self._add(shares, 1)

    def give_back(self, shares: Iterable[Share]) -> None:
        self._add(shares, -1)

    def _add(self, shares: Iterable[Share], sign: int) -> None:
        for server, cpu_milli, accelerator_milli in shares:
            # Orders of an older or newer server set may name servers that are not here.
            if server < len(self.cpu_milli):
                self.cpu_milli[server] += sign * cpu_milli
                self.accelerator_milli[server] += sign * accelerator_milli
