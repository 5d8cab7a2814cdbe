"""Loads a library without what it takes along only because that happens to be installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(name: str) -> Iterator[None]:
    """Inside, a module that is not loaded yet seems not to be installed."""
    if name in sys.modules:
        yield
        return
    # What the import system itself takes for "known not to be there".
    sys.modules[name] = None  # type: ignore[assignment]  # the stubs know modules only
    try:
        yield
    finally:
        del sys.modules[name]
