"""What a source could not use, counted by kind and told once: never silent, never a flood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from hexi_kit.logs import get_logger
from hexi_kit.metrics import counter

# Names come from the other side: past this many we count without telling more.
TOLD_MAX = 10_000


class Finding(NamedTuple):
    """`kind` is one of a few words of the source; `where` and `reason` are for people."""

    kind: str
    where: str
    reason: str


class Findings:
    """One per source. The first of a kind and subject is logged, each is counted."""

    def __init__(self, source: str) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._source = source

    def note(self, subject: str, found: Iterable[Finding]) -> None:
        for finding in found:
            counter("agent.findings").add(1, {"source": self._source, "kind": finding.kind})
            key = (subject, finding.kind)
            if key not in self.counts:
                if len(self.counts) >= TOLD_MAX:
                    continue
                get_logger().warning(
                    "source.finding", source=self._source, subject=subject, **finding._asdict()
                )
            self.counts[key] += 1
