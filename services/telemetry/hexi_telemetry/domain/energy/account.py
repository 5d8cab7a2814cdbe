"""The account of a stretch of a site's time: sums that join into those of longer stretches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hexi_telemetry.domain.energy.agreement import NO_PAIRS, Pairs

NUMBERS = 24


@dataclass(frozen=True, slots=True)
class Metered:
    """What a meter counted in `known_ms` of the stretch, and how unsure it is at either end."""

    counted: int = 0
    known_ms: int = 0
    open_slack: int = 0
    close_slack: int = 0

    def then(self, later: Metered) -> Metered:
        return Metered(
            self.counted + later.counted,
            self.known_ms + later.known_ms,
            self.open_slack,
            later.close_slack,
        )


class Along(NamedTuple):
    """How a meter went with the servers, over minutes in which these were heard.

    What they used while it counted and while it did not, for how long it did not, what it counted,
    and the squares of that over what they used.
    """

    known_ws: float = 0.0
    missing_ws: float = 0.0
    missing_ms: float = 0.0
    counted: float = 0.0
    squares: float = 0.0

    def then(self, later: Along) -> Along:
        return Along(*(one + other for one, other in zip(self, later, strict=True)))


NOT_ALONG = Along()


@dataclass(frozen=True, slots=True)
class Account:
    """Energy of servers holds for `bridged_server_ms` of `expected_server_ms`; the rest is dark.

    `covered_server_ms` counts readings that came, bridged or not. What evens out is kept as its
    square, what does not as slack.
    """

    start_ms: int
    end_ms: int
    revision: int
    frames: int
    expected_server_ms: int
    covered_server_ms: int
    bridged_server_ms: int
    server_ws: int
    server_slack_ws: int
    carbon_mg: int
    facility: Metered
    it: Metered
    renewable: Metered
    water: Metered
    server_spread_ws2: float = 0.0
    pairs: Pairs = NO_PAIRS
    facility_along: Along = NOT_ALONG
    it_along: Along = NOT_ALONG

    def packed(self) -> bytes:
        """Everything but the ends."""
        numbers = [self.revision, self.frames, self.expected_server_ms, self.covered_server_ms]
        numbers += [self.bridged_server_ms, self.server_ws, self.server_slack_ws, self.carbon_mg]
        for meter in (self.facility, self.it, self.renewable, self.water):
            numbers += [meter.counted, meter.known_ms, meter.open_slack, meter.close_slack]
        moments = [self.server_spread_ws2, *self.pairs, *self.facility_along, *self.it_along]
        return np.array(numbers, "<i8").tobytes() + np.array(moments, "<f8").tobytes()


def unpacked(start_ms: int, end_ms: int, data: bytes) -> Account:
    numbers = np.frombuffer(data, "<i8", NUMBERS).tolist()
    spread_ws2, *moments = np.frombuffer(data, "<f8", offset=8 * NUMBERS).tolist()
    rest: list[Any] = [Metered(*numbers[at : at + 4]) for at in range(8, NUMBERS, 4)]
    # Older accounts know nothing of how meters went along.
    rest += [spread_ws2, Pairs(*moments[:6]), Along(*moments[6:11]), Along(*moments[11:])]
    return Account(start_ms, end_ms, *numbers[:8], *rest)


def joined(start_ms: int, end_ms: int, parts: Sequence[Account]) -> Account:
    """`parts` of one site inside [start, end) in order; time without a part is dark."""
    present_ms = sum(part.end_ms - part.start_ms for part in parts)
    expected = sum(part.expected_server_ms for part in parts)
    first = parts[0]
    facility, it, renewable, water = first.facility, first.it, first.renewable, first.water
    revision = max(part.revision for part in parts)
    pairs, facility_along, it_along = NO_PAIRS, NOT_ALONG, NOT_ALONG
    for part in parts[1:]:
        facility, it = facility.then(part.facility), it.then(part.it)
        renewable, water = renewable.then(part.renewable), water.then(part.water)
    for part in parts:
        facility_along = facility_along.then(part.facility_along)
        it_along = it_along.then(part.it_along)
        # Another set of servers goes with the meter in another way.
        if part.revision == revision:
            pairs = pairs.then(part.pairs)
    return Account(
        start_ms,
        end_ms,
        revision,
        sum(part.frames for part in parts),
        expected * (end_ms - start_ms) // present_ms,
        sum(part.covered_server_ms for part in parts),
        sum(part.bridged_server_ms for part in parts),
        sum(part.server_ws for part in parts),
        sum(part.server_slack_ws for part in parts),
        sum(part.carbon_mg for part in parts),
        facility,
        it,
        renewable,
        water,
        sum(part.server_spread_ws2 for part in parts),
        pairs,
        facility_along,
        it_along,
    )
