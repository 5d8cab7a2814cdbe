"""What the search for victims remembers for a moment, since to look at all that runs takes long."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.placement import Placement
from hexi_scheduler.domain.workload import Demand

VAIN_MS = 30_000

Asked = tuple[str, int, Demand]  # tenant, rank


class Victim(NamedTuple):
    """As victims compare: who goes first stands first."""

    rank: int
    wasted_accelerator_ms: int
    elapsed_ms: int
    placement_id: str
    placement: Placement


Group = tuple[Victim, ...]


class Hunt:
    """Equal items of one command share what was found, and what was not is not looked for again at
    once. A rebuild forgets both: it then looks once more."""

    def __init__(self) -> None:
        self._vain: dict[Asked, int] = {}
        self._found: tuple[int, Asked | None, list[Group]] = (0, None, [])

    def is_vain(self, asked: Asked, at_ms: int) -> bool:
        return at_ms < self._vain.get(asked, 0)

    def note_vain(self, asked: Asked, at_ms: int) -> None:
        self._vain = {key: until_ms for key, until_ms in self._vain.items() if at_ms < until_ms}
        self._vain[asked] = at_ms + VAIN_MS

    def recall(self, asked: Asked, at_ms: int) -> list[Group] | None:
        return self._found[2] if self._found[:2] == (at_ms, asked) else None

    def note(self, asked: Asked, at_ms: int, groups: list[Group]) -> None:
        self._found = at_ms, asked, groups
