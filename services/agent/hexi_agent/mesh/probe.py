"""A probe as bytes: 40 that say who and which, 16 that prove it; the answer is as long."""

from __future__ import annotations

import struct
from hmac import compare_digest
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hexi_kit.signing import sm3

MAGIC = b"HXM1"
ASK, ANSWER = 1, 2
HEAD = struct.Struct("!4sB3x8sQ16s")
MAC_BYTES, TAG_BYTES, NONCE_BYTES, KEY_BYTES = 16, 8, 16, 32
PROBE_BYTES = HEAD.size + MAC_BYTES
_INFO = b"hexi mesh 1"


class Probe(NamedTuple):
    """`tag` names the sender's key; an answer repeats number and nonce."""

    kind: int
    tag: bytes
    number: int
    nonce: bytes


class MeshKey:
    """This agent's half of every pair's key; a new one with every start."""

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()
        self.public = self._private.public_key().public_bytes_raw()
        self.tag = tag_of(self.public)
        self._nonce_key = sm3(b"nonce" + self._private.private_bytes_raw())

    def shared_with(self, public_key: bytes) -> bytes:
        """What only the two of us know.

        Raises:
            ValueError: it is no key, or one that shares nothing.
        """
        secret = self._private.exchange(X25519PublicKey.from_public_bytes(public_key))
        both = b"".join(sorted((self.public, public_key)))
        return HKDF(hashes.SM3(), KEY_BYTES, both, _INFO).derive(secret)

    def nonce(self, tag: bytes, number: int) -> bytes:
        """Nobody else can know it before it is sent, so nobody can answer before it arrives."""
        return _mac(self._nonce_key, tag + number.to_bytes(8, "big"))[:NONCE_BYTES]


def tag_of(public_key: bytes) -> bytes:
    return sm3(public_key)[:TAG_BYTES]


def seal(probe: Probe, key: bytes) -> bytes:
    head = HEAD.pack(MAGIC, *probe)
    return head + _mac(key, head)


def parse(data: bytes) -> Probe | None:
    """Who it says it is of; nothing is proved yet."""
    if len(data) != PROBE_BYTES or not data.startswith(MAGIC):
        return None
    _, kind, tag, number, nonce = HEAD.unpack_from(data)
    return Probe(kind, tag, number, nonce)


def is_sealed(data: bytes, key: bytes) -> bool:
    return compare_digest(_mac(key, data[: HEAD.size]), data[HEAD.size :])


def _mac(key: bytes, data: bytes) -> bytes:
    code = hmac.HMAC(key, hashes.SM3())
    code.update(data)
    return code.finalize()[:MAC_BYTES]
