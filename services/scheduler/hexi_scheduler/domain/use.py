"""What work takes: processors, memory and accelerators, added up."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.workload import Demand


class Use(NamedTuple):
    """Amounts of the three resources that shares and quotas are counted in."""

    cpu_milli: int = 0
    memory_mib: int = 0
    accelerator_milli: int = 0

    def plus(self, other: Use, sign: int = 1) -> Use:
        return Use(
            self.cpu_milli + sign * other.cpu_milli,
            self.memory_mib + sign * other.memory_mib,
            self.accelerator_milli + sign * other.accelerator_milli,
        )

    def within(self, most: Use) -> bool:
        """No amount is greater; a most of 0 bounds nothing."""
        return all(not limit or value <= limit for value, limit in zip(self, most, strict=True))


NO_USE = Use()


def use_of(demand: Demand) -> Use:
    """What all replicas take together."""
    return Use(*demand.sums)
