"""The broker's jars at locked versions and hashes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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


def locked() -> list[Jar]:
    return [Jar(*line.split()) for line in LOCK.read_text().splitlines()]
