"""Whether what a site has free would hold a demand, less what was sent there since it said so."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.offer import ClassOffer
from hexi_scheduler.domain.route.filters import Suitable
from hexi_scheduler.domain.workload import WHOLE, Demand


class Debit(NamedTuple):
    """Capacity of a class that was routed to since its newest offer."""

    cpu_milli: int = 0
    memory_mib: int = 0
    accelerator_milli: int = 0

    def plus(self, demand: Demand) -> Debit:
        cpu_milli, memory_mib, milli = demand.sums
        return Debit(
            self.cpu_milli + cpu_milli,
            self.memory_mib + memory_mib,
            self.accelerator_milli + milli,
        )


NOTHING = Debit()


def has_room(choice: Suitable, demand: Demand, debit: Debit) -> bool:
    """A good guess; PLACE knows better and may decline."""
    c, asked, (cpu_milli, memory_mib, milli) = choice.offer, demand.resources, demand.sums
    own_milli = choice.lease.units_free * WHOLE if choice.lease else 0
    plain = not milli
    if (
        asked.cpu_milli > c.cpu_milli_free_max
        or asked.memory_mib > c.memory_mib_free_max
        or cpu_milli + debit.cpu_milli > c.cpu_milli_free + (own_milli if plain else 0)
        or memory_mib + debit.memory_mib > c.memory_mib_free
    ):
        return False
    if plain:
        return True
    if milli + debit.accelerator_milli > c.accelerator_milli_free + own_milli:
        return False
    return asked.device_milli < WHOLE or _whole_replicas(c, demand) >= demand.replicas


def within_share(choice: Suitable, demand: Demand, debit: Debit, partitions: int) -> bool:
    """All partitions see the same offer: one that takes no more than its part overbooks nothing."""
    if debit is NOTHING:
        return True
    c, (cpu_milli, _, milli) = choice.offer, demand.sums
    return (debit.cpu_milli + cpu_milli) * partitions <= c.cpu_milli_free and (
        debit.accelerator_milli + milli
    ) * partitions <= c.accelerator_milli_free


def _whole_replicas(c: ClassOffer, demand: Demand) -> int:
    """Replicas that wholly free devices can hold, counted over servers."""
    step = demand.resources.accelerators
    return sum(c.servers_with_free_accelerators[step - 1 :: step])
