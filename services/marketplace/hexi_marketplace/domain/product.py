"""A product: one class at one grade at one site in one quarter of an hour, and its written name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache

SLOT_MS = 15 * 60_000
# Orders are taken until one slot before delivery.
GATE_LEAD_MS = SLOT_MS
GRADES = ("A", "B", "C", "D")
# China has had no summer time since 1991: the offset is a constant.
SHANGHAI = timezone(timedelta(hours=8))

_SLOT_FORMAT = "%Y%m%dT%H%M"
_NAME = re.compile(
    r"(?P<class_id>[A-Za-z0-9][A-Za-z0-9._-]{0,47})\.(?P<grade>[A-D])"
    r"\.(?P<site_id>[A-Za-z0-9][A-Za-z0-9_-]{0,47})\.(?P<slot>[0-9]{8}T[0-9]{4})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Product:
    """`product_id` names all the rest; two products are the same when it is."""

    product_id: str
    class_id: str
    grade: str
    site_id: str
    slot_start_ms: int

    @property
    def slot_end_ms(self) -> int:
        return self.slot_start_ms + SLOT_MS

    @property
    def gate_closes_ms(self) -> int:
        return self.slot_start_ms - GATE_LEAD_MS

    @property
    def shard(self) -> str:
        """Every slot of a class at a site is matched in one shard."""
        return f"{self.class_id}.{self.site_id}"


def product_of(class_id: str, grade: str, site_id: str, slot_start_ms: int) -> Product:
    """The product of a slot, with its written name."""
    moment = datetime.fromtimestamp(slot_start_ms // 1000, SHANGHAI)
    name = f"{class_id}.{grade}.{site_id}.{moment.strftime(_SLOT_FORMAT)}"
    return Product(name, class_id, grade, site_id, slot_start_ms)


@lru_cache(maxsize=16_384)
def parse_product(product_id: str) -> Product | None:
    """Read `<class>.<grade>.<site>.<yyyymmddThhmm>`; None where the text is no such name."""
    match = _NAME.fullmatch(product_id)
    if match is None:
        return None
    try:
        moment = datetime.strptime(match["slot"], _SLOT_FORMAT).replace(tzinfo=SHANGHAI)
        start_ms = int(moment.timestamp()) * 1000
    except (ValueError, OverflowError):
        return None
    if start_ms % SLOT_MS or start_ms <= 0:
        return None
    return Product(product_id, match["class_id"], match["grade"], match["site_id"], start_ms)


def shard_name(product_id: str) -> str:
    """The key of everything about a product; a name that cannot be read is its own."""
    product = parse_product(product_id)
    return product.shard if product else product_id


def first_open_slot_ms(now_ms: int) -> int:
    """Start of the earliest slot whose gate is open at `now_ms`."""
    return (now_ms + GATE_LEAD_MS) // SLOT_MS * SLOT_MS + SLOT_MS
