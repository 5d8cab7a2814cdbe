"""Which key signs which numbers of a stream: each stated key from its first number to the next's.

Where nothing was stated yet, the key of the agent's certificate signs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from hexi_telemetry.domain.frame import Reason, Refusal

KEYS_MAX = 64


@dataclass(frozen=True, slots=True)
class StatedKey:
    """`public_key` is DER, `certificate_id` the fingerprint of the certificate that vouches."""

    key_id: str
    algorithm: int
    public_key: bytes
    from_sequence: int
    stated_at_ms: int
    certificate_id: str

    def says_the_same(self, other: StatedKey) -> bool:
        """The same statement, whichever certificate of the agent vouches for it."""
        return (self.key_id, self.algorithm, self.from_sequence, self.stated_at_ms) == (
            other.key_id,
            other.algorithm,
            other.from_sequence,
            other.stated_at_ms,
        )


class Statement(NamedTuple):
    """A key and the signed bytes that state it."""

    key: StatedKey
    payload: bytes


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one stream by first number; what was decided long ago is left out."""

    keys: tuple[StatedKey, ...] = ()

    def __iter__(self) -> Iterator[StatedKey]:
        return iter(self.keys)

    def of(self, sequence: int) -> StatedKey | None:
        """The stated key of this number; None where the certificate's own key signs."""
        signing = (key for key in reversed(self.keys) if key.from_sequence <= sequence)
        return next(signing, None)

    def refuses(self, sequence: int, key_id: str, bound: frozenset[str]) -> Refusal | None:
        """Why a frame signed by `key_id` is not this number's; `bound` empty binds any."""
        key = self.of(sequence)
        if key is None:
            if any(stated.key_id == key_id for stated in self.keys):
                return Refusal(Reason.SIGNATURE, f"key {key_id} does not sign {sequence} yet")
            return None
        if key.key_id != key_id:
            return Refusal(Reason.SIGNATURE, f"expected key {key.key_id}, was {key_id or 'none'}")
        if bound and key.certificate_id not in bound:
            return Refusal(Reason.SIGNATURE, f"key {key_id} is not bound to the site any more")
        return None

    def add(self, key: StatedKey, decided_through: int) -> KeyRing | Refusal:
        """The ring with `key`, or why it may not join: numbers that are decided keep their key."""
        for place, known in enumerate(self.keys):
            if known.says_the_same(key):
                return KeyRing((*self.keys[:place], key, *self.keys[place + 1 :]))
        if key.from_sequence <= decided_through:
            detail = f"expected from {decided_through + 1} or later, was {key.from_sequence}"
            return Refusal(Reason.REPLAYED, f"stated key: {detail}")
        newest_ms = max((known.stated_at_ms for known in self.keys), default=-1)
        if key.stated_at_ms <= newest_ms:
            detail = f"expected stated after {newest_ms}, was {key.stated_at_ms}"
            return Refusal(Reason.REPLAYED, f"stated key: {detail}")
        # A later statement takes the place of keys that have not signed anything yet.
        before = [known for known in self.keys if known.from_sequence < key.from_sequence]
        if len(before) >= KEYS_MAX:
            return Refusal(Reason.IMPLAUSIBLE, f"expected at most {KEYS_MAX} keys at a time")
        return KeyRing((*before, key))

    def since(self, oldest: int) -> KeyRing:
        """Without keys whose last number is below `oldest`."""
        ended = sum(later.from_sequence <= oldest for _, later in pairwise(self.keys))
        return KeyRing(self.keys[ended:]) if ended else self
