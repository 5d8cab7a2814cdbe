"""A frame as arithmetic sees it: who measured, when, which servers, one array a metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatColumn = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Metric(IntEnum):
    """Numbers are those of the wire."""

    POWER_W = 1
    INLET_TEMPERATURE_C = 2
    CPU_UTILISATION = 3
    MEMORY_UTILISATION = 4
    ACCELERATOR_UTILISATION = 5
    ACCELERATOR_TEMPERATURE_C = 6
    NETWORK_RX_BYTES_PER_S = 7
    NETWORK_TX_BYTES_PER_S = 8
    ACCELERATOR_POWER_W = 9
    CPU_TEMPERATURE_C = 10
    OUTLET_TEMPERATURE_C = 11
    FAN_SPEED_RPM = 12
    DISK_READ_BYTES_PER_S = 13
    DISK_WRITE_BYTES_PER_S = 14


class Reason(IntEnum):
    """Why a frame is refused. Numbers are those of the wire."""

    MALFORMED = 1
    SIGNATURE = 2
    REPLAYED = 3
    WRONG_SITE = 4
    UNKNOWN_REVISION = 5
    CLOCK = 6
    IMPLAUSIBLE = 7
    CHAIN = 8
    TOO_LARGE = 9
    NOT_ADMITTED = 10
    OUT_OF_ORDER = 11


class Refusal(NamedTuple):
    """A reason and what was expected and found."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One parsed frame. `good` is None where every reading is good.

    A good server may lack a reading: there its column holds what is not a number; power never.
    """

    site_id: str
    agent_id: str
    epoch: int
    sequence: int
    revision: int
    observed_at_ms: int
    period_ms: int
    first_server: int
    count: int
    columns: Mapping[Metric, FloatColumn]
    good: Mask | None
    facility_energy_ws: int
    it_energy_ws: int
    previous_digest: bytes
    digest: bytes
    renewable_energy_ws: int = 0
    water_ml: int = 0

    @property
    def good_count(self) -> int:
        return self.count if self.good is None else int(np.count_nonzero(self.good))
