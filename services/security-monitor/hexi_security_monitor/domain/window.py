"""Counts events of one group in a sliding window of event time."""

from __future__ import annotations

from dataclasses import dataclass

ENTRIES_MAX = 1_000

Entry = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Window:
    """(time, uid) of events not yet used up by a finding, ordered by both."""

    entries: tuple[Entry, ...] = ()

    def observe(
        self, entry: Entry, threshold: int, window_ms: int
    ) -> tuple[Window, tuple[Entry, ...]]:
        """The window after this event, and the events of a finding if it made one.

        An event heard twice counts once. Events that made a finding are used up.
        """
        if entry in self.entries:
            return self, ()
        newest_ms = max(entry[0], self.entries[-1][0] if self.entries else 0)
        kept = sorted(e for e in (*self.entries, entry) if e[0] > newest_ms - window_ms)
        if len(kept) >= threshold:
            return Window(), tuple(kept)
        return Window(tuple(kept[-ENTRIES_MAX:])), ()
