"""Where readings come from: a simulated fleet, this machine, a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hexi_agent.domain.physics import Meters, Values

SERVERS_PER_SAMPLE_MAX = 5_000
Metric = int  # as numbered in the contract
NO_METERS = Meters()


@dataclass(frozen=True, slots=True)
class Sample:
    """Readings of servers first..first+count of one moment; `good` None: all are.

    A metric that nobody measures is left out, never invented.
    """

    first_server: int
    count: int
    columns: Mapping[Metric, Values]
    good: NDArray[np.bool_] | None = None
    meters: Meters = field(default=NO_METERS)


class Source(Protocol):
    """Asked once a period; `before` are the site's meters as they were last told."""

    def read(self, before: Meters, now_ms: int) -> Sequence[Sample]: ...
