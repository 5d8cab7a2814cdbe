"""What executors say about runs."""

from __future__ import annotations

from typing import NamedTuple


class RunReport(NamedTuple):
    """What an executor saw of one placement: it started, ended, or failed to start."""

    placement_id: str
    started: bool
    failed: bool
    at_ms: int
    exit_code: int = 0
    energy_ws: int = 0
    output: bytes = b""
    output_truncated: bool = False
    reason: str = ""


class ReportRuns(NamedTuple):
    """In the order the executor saw them."""

    reports: tuple[RunReport, ...]
