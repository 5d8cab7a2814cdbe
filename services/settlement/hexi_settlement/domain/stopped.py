"""Why a run of log entries ended before its end."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stopped:
    """Entries before `index` are decided and marked, this one can never be."""

    index: int
    reason: str
