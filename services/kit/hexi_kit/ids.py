"""The only place that makes ids: derived ones are pure, random ones are named so."""

import random
import secrets
from hashlib import blake2b

_DIGEST_BYTES = 16
# Base 32, three letters at a time: eight of those and two letters more hold the 128 bits, and two
# which are zero.
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_TRIPLES = [pair + third for pair in _PAIRS for third in _LETTERS]
_SHIFTS = range(115, -1, -15)


def derive(*parts: str | int) -> str:
    """Name the thing these parts identify: the same parts, the same 26 characters, for ever."""
    named = b""
    for part in parts:
        # The type stands before the length, so that 1 and "1" differ and "ab","c" ≠ "a","bc".
        if isinstance(part, int):
            data = str(part).encode()
            named += b"i%d:%b" % (len(data), data)
        else:
            data = part.encode()
            named += b"s%d:%b" % (len(data), data)
    return _text(blake2b(named, digest_size=_DIGEST_BYTES).digest())


def random_id() -> str:
    """Name something that needs no replay: an idempotency key, a client, an instance."""
    return _text(secrets.token_bytes(_DIGEST_BYTES))


def random_hex(size_bytes: int) -> str:
    """Lower-case hex for trace and span ids."""
    return secrets.token_hex(size_bytes)


def seeded(seed: int) -> random.Random:
    """A repeatable source of chance, to be handed to whoever rolls dice."""
    return random.Random(seed)


def _text(digest: bytes) -> str:
    bits = int.from_bytes(digest, "big") << 2
    return "".join([_TRIPLES[bits >> shift & 0x7FFF] for shift in _SHIFTS]) + _PAIRS[bits & 0x3FF]
