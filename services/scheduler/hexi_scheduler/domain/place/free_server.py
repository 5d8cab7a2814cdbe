"""What one server has free, as it would be if some of its work had ended."""

from __future__ import annotations

from typing import Protocol

from hexi_scheduler.domain.place.pool import Free
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.workload import Resources

MOST = 2**31


class Servers(Protocol):
    """Who knows what is free on the servers of a site."""

    def free(self, server: int) -> Free: ...

    def devices(self, server: int) -> list[int]: ...


class FreeServer:
    """A copy to try things on; the servers stay as they are."""

    def __init__(self, servers: Servers, server: int) -> None:
        self._cpu_milli, self._memory_mib, _ = servers.free(server)
        self._devices = servers.devices(server)

    def give(self, part: Allocation, asked: Resources) -> None:
        self._move(part, asked, 1)

    def take(self, part: Allocation, asked: Resources) -> None:
        self._move(part, asked, -1)

    def replicas(self, asked: Resources) -> int:
        """How many equal replicas fit."""
        most = self._cpu_milli // asked.cpu_milli if asked.cpu_milli else MOST
        if asked.memory_mib:
            most = min(most, self._memory_mib // asked.memory_mib)
        if asked.accelerators:
            shares = [milli // asked.device_milli for milli in self._devices]
            most = min(most, _rounds(shares, asked.accelerators))
        return most

    def _move(self, part: Allocation, asked: Resources, sign: int) -> None:
        self._cpu_milli += sign * asked.cpu_milli
        self._memory_mib += sign * asked.memory_mib
        for device in part.devices:
            self._devices[device] += sign * part.device_milli


def _rounds(shares: list[int], width: int) -> int:
    """How often `width` different devices can each give a share."""
    most = sum(shares) // width
    while most and sum(min(share, most) for share in shares) < most * width:
        most -= 1
    return most
