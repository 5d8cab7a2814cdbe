"""Checks that several requests share: pages, revisions, times."""

from __future__ import annotations

from hexi_kit.rpc.validate import Violations

from hexi_inventory.ports import Page
from hexi_inventory.wire.site import TIME_MS_MAX

PAGE_SIZE_MAX = 1_000
PAGE_SIZE_DEFAULT = 100
REVISION_MAX = 2**53


def page(found: Violations, size: int, token: str) -> Page:
    found.bounded("page_size", size, 0, PAGE_SIZE_MAX)
    return Page(size or PAGE_SIZE_DEFAULT, token)


def number_token(found: Violations, token: str) -> None:
    is_number = not token or (token.isascii() and token.isdigit() and len(token) <= 15)
    found.require(is_number, "page_token", f"expected a token of an answer, was {token[:80]!r}")


def revision(found: Violations, number: int) -> None:
    found.bounded("revision", number, 0, REVISION_MAX)


def time_ms(found: Violations, field: str, value: int) -> None:
    found.bounded(field, value, 0, TIME_MS_MAX)
