"""Reads the caller's certificate out of the TLS session, once per certificate."""

from collections.abc import Callable
from typing import Any

import grpc
from cryptography import x509

from hexi_kit.errors import Unauthenticated
from hexi_kit.identity.certificate import PeerCertificate, read_certificate

_REMEMBERED_MAX = 4_096

ReadPeer = Callable[[grpc.aio.ServicerContext[Any, Any]], PeerCertificate]


class TlsPeers:
    """TLS has verified the chain; this only reads what the certificate says."""

    def __init__(self) -> None:
        self._known: dict[bytes, PeerCertificate] = {}

    def read(self, context: grpc.aio.ServicerContext[Any, Any]) -> PeerCertificate:
        pem = next(iter(context.auth_context().get("x509_pem_cert", ())), None)
        if pem is None:
            raise Unauthenticated("expected a client certificate, was none")
        peer = self._known.get(pem)
        if peer is None:
            peer = read_certificate(x509.load_pem_x509_certificate(pem))
            if len(self._known) >= _REMEMBERED_MAX:
                self._known.clear()
            self._known[pem] = peer
        return peer
