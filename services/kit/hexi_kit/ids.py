"""The only place that makes ids: derived ones are pure, random ones are named so."""

import random
import secrets
from base64 import b32encode
from hashlib import blake2b

_DIGEST_BYTES = 16


def derive(*parts: str | int) -> str:
    """Name the thing these parts identify: the same parts, the same 26 characters, for ever."""
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        # The type stands before the length, so that 1 and "1" differ and "ab","c" ≠ "a","bc".
        kind, text = ("i", str(part)) if isinstance(part, int) else ("s", part)
        data = text.encode()
        digest.update(f"{kind}{len(data)}:".encode())
        digest.update(data)
    return _text(digest.digest())


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
    return b32encode(digest).decode().rstrip("=").lower()
