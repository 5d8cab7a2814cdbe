"""Billing months are those of Asia/Shanghai."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8))


def month_of(at_ms: int) -> str:
    """yyyy-mm of an instant."""
    return datetime.fromtimestamp(at_ms // 1_000, UTC).astimezone(SHANGHAI).strftime("%Y-%m")
