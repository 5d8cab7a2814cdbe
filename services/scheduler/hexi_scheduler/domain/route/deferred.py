"""Those who wait for an hour, by the hour they wait for."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field

from hexi_scheduler.domain.route.defer import Deferral

BEGIN = (0, "")


@dataclass(slots=True)
class Running:
    """Routed work that may be stopped for a better hour; after news it is looked at again."""

    members: list[str] = field(default_factory=list)
    _looked_at: str | None = field(default="", compare=False)  # None: at all

    def change(self, name: str, runs: bool) -> None:
        at = bisect_left(self.members, name)
        known = at < len(self.members) and self.members[at] == name
        if runs and not known:
            self.members.insert(at, name)
        elif known and not runs:
            del self.members[at]

    def to_judge(self, news: bool, most: int) -> list[str]:
        if news:
            self._looked_at = ""
        if self._looked_at is None or not self.members:
            return []
        first = bisect_left(self.members, self._looked_at)
        names = self.members[first : first + most]
        self._looked_at = names[-1] + "\0" if len(names) == most else None
        return names


@dataclass(slots=True)
class Deferred:
    """After news all are looked at again, a bounded number at a time; where that stands is no
    state: looked at twice, a decision is the same."""

    members: list[tuple[int, str]] = field(default_factory=list)  # until when, who
    _looked_at: tuple[int, str] = field(default=BEGIN, compare=False)

    def __len__(self) -> int:
        return len(self.members)

    def change(self, name: str, old: Deferral | None, new: Deferral | None) -> None:
        if old is not None:
            del self.members[bisect_left(self.members, (old.until_ms, name))]
        if new is not None:
            insort(self.members, (new.until_ms, name))

    def to_judge(self, at_ms: int, news: bool, most: int) -> list[str]:
        """First those whose hour has come, then others to whom a new forecast may matter."""
        if news:
            self._looked_at = BEGIN
        due = min(most, bisect_left(self.members, (at_ms + 1, "")))
        first = max(due, bisect_left(self.members, self._looked_at))
        others = self.members[first : first + most - due]
        if others:
            until_ms, name = others[-1]
            self._looked_at = (until_ms, name + "\0")
        return [name for _, name in (*self.members[:due], *others)]
