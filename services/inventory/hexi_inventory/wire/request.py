"""The key under which a mutating request is answered once."""

from __future__ import annotations

from hashlib import blake2b

from google.protobuf.message import Message

from hexi_inventory.domain.record import RequestKey, Verb


def request_key(verb: Verb, principal: str, key: str, request: Message) -> RequestKey:
    """The same key with other content is another request, and is refused as such."""
    digest = blake2b(request.SerializeToString(deterministic=True), digest_size=16).hexdigest()
    return RequestKey(verb, principal, key, digest)
