"""The state directory: where everything of one local run lives, and who may use it."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PASSWORD_BYTES = 24


class StateInUse(Exception):
    """Another supervisor holds this state directory."""


@dataclass(frozen=True, slots=True)
class StateDir:
    """Paths below one root. Two supervisors never share a root: `lock` refuses the second."""

    root: Path

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def run_file(self) -> Path:
        return self.root / "run.json"

    @property
    def processes_file(self) -> Path:
        return self.root / "processes.json"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the directory; the kernel lets go of it however the holder ends."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateInUse(f"{self.root} is used by another supervisor") from None
            yield

    def password(self, name: str) -> str:
        """The secret called `name`, made once, readable by its owner only."""
        path = self.secrets / name
        if not path.exists():
            self.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(path, secrets.token_urlsafe(PASSWORD_BYTES), mode=0o600)
        return path.read_text()


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace `path` at once: a reader sees the old text or the new one, never half."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)


def write_json(path: Path, value: Any) -> None:
    write_whole(path, json.dumps(value, indent=2, sort_keys=True) + "\n", mode=0o600)


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote, or nothing where there is no file."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return found


def cache_dir() -> Path:
    """What is the same for every run of this user: the broker's class path and its start cache."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = Path(base) / "hexi"
    path.mkdir(parents=True, exist_ok=True)
    return path
