"""Tables of what the parts of a server are worth, as compiled code reads them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.packing.compiled import compiled

WHOLE = 1_000
STEP_MILLI = 10
TOTAL_STEP_MILLI = 100
CPU_STEP_MILLI = 1_000

Int32s = NDArray[np.int32]


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


@compiled
def unfolded(flat: Int32s) -> Tables:
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
