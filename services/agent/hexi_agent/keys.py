"""The keys that sign this agent's frames, each from a number on, in a file only it may read."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hexi_kit.keys import Algorithm, PrivateKey
from hexi_kit.logs import get_logger
from hexi_kit.testing import faults

FILE = "frame_keys.json"
# While it is there, the next number shall have a new key.
ASKED_FILE = "rotate_key"
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class FrameKey:
    """Signs the numbers of one epoch from `from_sequence` up to the next key's."""

    epoch: int
    from_sequence: int
    stated_at_ms: int
    private: PrivateKey


@dataclass(frozen=True, slots=True)
class KeyRules:
    """What signs, and for how long before another key takes over."""

    algorithm: Algorithm = Algorithm.SM2_SM3
    days: int = 30


class FrameKeys:
    """A key is on disk before it signs, and stays there until all it signed is decided."""

    def __init__(self, state_dir: Path, rules: KeyRules) -> None:
        self._path, self._asked, self._rules = state_dir / FILE, state_dir / ASKED_FILE, rules
        self._keys = _read(self._path)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def newest(self) -> FrameKey | None:
        return self._keys[-1] if self._keys else None

    def of(self, epoch: int, sequence: int) -> FrameKey | None:
        """The key of this number."""
        for key in reversed(self._keys):
            if key.epoch == epoch and key.from_sequence <= sequence:
                return key
        return None

    def cover(self, epoch: int, sequence: int, acked: int, now_ms: int) -> None:
        """See to it that `sequence`, not given to any frame yet, has a key that is not too old."""
        mine = [key for key in self._keys if key.epoch == epoch]
        is_asked = self._asked.exists()
        if mine and not is_asked and not self._is_over(mine[-1], now_ms):
            return
        # The clock may have gone back; of two statements the later one must say so.
        stated_at_ms = max([now_ms, *(key.stated_at_ms + 1 for key in mine)])
        made = FrameKey(epoch, sequence, stated_at_ms, PrivateKey.generate(self._rules.algorithm))
        kept = [key for key in mine if key.from_sequence < sequence]
        keys = [*(a for a, b in pairwise([*kept, made]) if b.from_sequence > acked + 1), made]
        faults.point("agent.before_new_key")
        _write(self._path, keys)
        faults.point("agent.after_new_key")
        self._keys = keys
        if is_asked:
            # Who dies before this makes one key more.
            self._asked.unlink(missing_ok=True)
        get_logger().info("key.made", key_id=made.private.key_id, from_sequence=sequence)

    def _is_over(self, key: FrameKey, now_ms: int) -> bool:
        is_old = now_ms - key.stated_at_ms >= self._rules.days * DAY_MS
        return is_old or key.private.algorithm is not self._rules.algorithm


def _read(path: Path) -> list[FrameKey]:
    try:
        kept = json.loads(path.read_bytes())
        return [_key_of(one) for one in kept["keys"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        get_logger().error("keys.unreadable", path=str(path), reason=str(error))
        return []


def _key_of(kept: dict[str, object]) -> FrameKey:
    numbers = [kept[name] for name in ("epoch", "from_sequence", "stated_at_ms", "algorithm")]
    epoch, from_sequence, stated_at_ms, algorithm = (int(str(number)) for number in numbers)
    private = PrivateKey.load(Algorithm(algorithm), str(kept["pem"]).encode())
    return FrameKey(epoch, from_sequence, stated_at_ms, private)


def _write(path: Path, keys: Sequence[FrameKey]) -> None:
    """Made 0600 and moved into place, safe from a power cut too."""
    rows = [
        {
            "epoch": key.epoch,
            "from_sequence": key.from_sequence,
            "stated_at_ms": key.stated_at_ms,
            "algorithm": key.private.algorithm.value,
            "pem": key.private.pem().decode(),
        }
        for key in keys
    ]
    beside = path.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"keys": rows}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
