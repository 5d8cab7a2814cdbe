"""What this very machine can give as one server of a site."""

from __future__ import annotations

import os

from hexi_agent.domain.catalogue import Model, host_model

CPU_PERCENT = 50
MEMORY_PERCENT = 25


def this_machine() -> Model:
    """Leaves room for Hexi itself; the same machine gives the same answer at every start."""
    # Few agents are a server themselves.
    import psutil

    cpu_milli = max(500, (os.cpu_count() or 1) * 10 * CPU_PERCENT)
    memory_mib = max(256, psutil.virtual_memory().total * MEMORY_PERCENT // 100 >> 20)
    return host_model(cpu_milli, memory_mib)
