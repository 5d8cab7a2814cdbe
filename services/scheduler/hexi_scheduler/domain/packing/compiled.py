"""Compiles hot loops by numba when they are first called, and keeps what came out on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast
from zlib import crc32

import numba

F = TypeVar("F", bound=Callable[..., Any])
HERE = Path(__file__).parent
# Constants of the demand are compiled in, too.
SOURCES = (*sorted(HERE.glob("*.py")), HERE.parent / "workload.py")


def fingerprint() -> str:
    """Of all that could be compiled in: numba itself looks at the file of a function alone, and
    would go on with a constant of yesterday."""
    found = 0
    for source in SOURCES:
        found = crc32(source.read_bytes(), found)
    return f"{found:08x}"


CACHE = HERE / "__pycache__" / fingerprint()
numba.config.CACHE_DIR = str(CACHE)  # type: ignore[attr-defined]  # numba makes it as it loads


def compiled(function: F) -> F:
    return cast(F, numba.njit(cache=True)(function))
