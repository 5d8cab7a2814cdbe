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
        asked, replicas = demand.resources, demand.replicas
        return Debit(
            self.cpu_milli + asked.cpu_milli * replicas,
            self.memory_mib + asked.memory_mib * replicas,
            self.accelerator_milli + asked.accelerators * asked.device_milli * replicas,
        )


NOTHING = Debit()


def has_room(choice: Suitable, demand: Demand, debit: Debit) -> bool:
    """A good guess; PLACE knows better and may decline."""
    c, asked, replicas = choice.offer, demand.resources, demand.replicas
    own_milli = choice.lease.units_free * WHOLE if choice.lease else 0
    plain = not asked.accelerators
    cpu_milli = asked.cpu_milli * replicas + debit.cpu_milli
    if (
        asked.cpu_milli > c.cpu_milli_free_max
        or asked.memory_mib > c.memory_mib_free_max
        or cpu_milli > c.cpu_milli_free + (own_milli if plain else 0)
        or asked.memory_mib * replicas + debit.memory_mib > c.memory_mib_free
    ):
        return False
    if plain:
        return True
    milli = asked.accelerators * asked.device_milli
    if milli * replicas + debit.accelerator_milli > c.accelerator_milli_free + own_milli:
        return False
    return asked.device_milli < WHOLE or _whole_replicas(c, demand) >= replicas


def within_share(choice: Suitable, demand: Demand, debit: Debit, partitions: int) -> bool:
    """All partitions see the same offer: one that takes no more than its part overbooks nothing."""
    if debit is NOTHING:
        return True
    c, asked, replicas = choice.offer, demand.resources, demand.replicas
    cpu_milli = debit.cpu_milli + asked.cpu_milli * replicas
    milli = debit.accelerator_milli + asked.accelerators * asked.device_milli * replicas
    return (
        cpu_milli * partitions <= c.cpu_milli_free
        and milli * partitions <= c.accelerator_milli_free
    )


def _whole_replicas(c: ClassOffer, demand: Demand) -> int:
    """Replicas that wholly free devices can hold, counted over servers."""
    step = demand.resources.accelerators
    return sum(c.servers_with_free_accelerators[step - 1 :: step])
