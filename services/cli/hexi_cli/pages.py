"""Answers that come in pages, read to their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

PAGE = 1_000
Answer = TypeVar("Answer")


def pages(ask: Callable[[Any], Answer], request: Any) -> Iterator[Answer]:
    """Every page, one after the other; `request` is one that has a page token."""
    request.page_size = PAGE
    while True:
        answer: Any = ask(request)
        yield answer
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token
