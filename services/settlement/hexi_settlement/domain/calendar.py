"""Months of Asia/Shanghai, as bills count them."""

from datetime import UTC, datetime
from functools import lru_cache

# One zone, no summer time since 1991: the offset is a constant.
SHANGHAI_OFFSET_MS = 8 * 3_600_000
DAY_MS = 86_400_000
FIRST_MONTH = "0001-01"


def month_of(at_ms: int) -> str:
    """`yyyy-mm` of a moment."""
    return _month_of_day((at_ms + SHANGHAI_OFFSET_MS) // DAY_MS)


@lru_cache(maxsize=1024)
def _month_of_day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS // 1000, UTC).strftime("%Y-%m")


def month_after(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    year, number = (year + 1, 1) if number == 12 else (year, number + 1)
    return f"{year:04}-{number:02}"


def month_before(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    year, number = (year - 1, 12) if number == 1 else (year, number - 1)
    return f"{year:04}-{number:02}"


def first_day(month: str) -> str:
    return f"{month}-01"


def day_of(at_ms: int) -> str:
    """`yyyy-mm-dd` of a moment."""
    return datetime.fromtimestamp((at_ms + SHANGHAI_OFFSET_MS) // 1000, UTC).strftime("%Y-%m-%d")


def is_month(text: str) -> bool:
    """Whether this is `yyyy-mm`."""
    if len(text) != 7 or text[4] != "-" or not (text.isascii()):
        return False
    year, number = text[:4], text[5:]
    return year.isdigit() and number.isdigit() and year != "0000" and 1 <= int(number) <= 12
