"""Where sites stand: their hub, their position, and how far they are from each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple

from hexi_scheduler.domain.workload import Constraints

EARTH_RADIUS_KM = 6_371
MICRO = 1_000_000


class Position(NamedTuple):
    """Degrees in millionths, north and east."""

    latitude_e6: int
    longitude_e6: int


class Place(NamedTuple):
    """What the atlas keeps of a site."""

    hub: str = ""
    position: Position | None = None


NOWHERE = Place()


@dataclass(slots=True)
class Atlas:
    """Sites by name; one that nobody has told of stands nowhere."""

    _places: dict[str, Place] = field(default_factory=dict)

    def put(self, site_id: str, place: Place) -> bool:
        """Note where it stands; whether that is news."""
        if self._places.get(site_id) == place:
            return False
        self._places[site_id] = place
        return True

    def hub_of(self, site_id: str) -> str:
        return self._places.get(site_id, NOWHERE).hub

    def distance_km(self, one: str, other: str) -> int | None:
        """As the crow flies, in whole kilometres; None where a position is not known."""
        if one == other:
            return 0
        here = self._places.get(one, NOWHERE).position
        there = self._places.get(other, NOWHERE).position
        return None if here is None or there is None else haversine_km(here, there)

    def is_far_enough(self, site_id: str, wished: Constraints) -> bool:
        """From the site of the first copy; a site that has not said where it stands is not."""
        if not wished.distance_km_min:
            return True
        distance = self.distance_km(site_id, wished.distance_from_site_id)
        return distance is not None and distance >= wished.distance_km_min


def haversine_km(here: Position, there: Position) -> int:
    north, east = (radians(degrees / MICRO) for degrees in here)
    to_north, to_east = (radians(degrees / MICRO) for degrees in there)
    chord = sin((to_north - north) / 2) ** 2
    chord += cos(north) * cos(to_north) * sin((to_east - east) / 2) ** 2
    return int(2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, chord))))
