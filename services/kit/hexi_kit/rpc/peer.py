"""Finds the caller of one gRPC call among the guests of the turnstile."""

from typing import Any

import grpc

from hexi_kit.errors import Unauthenticated
from hexi_kit.identity.certificate import PeerCertificate
from hexi_kit.rpc.turnstile import Turnstile

Context = grpc.aio.ServicerContext[Any, Any]


class Peers:
    """gRPC knows the caller by the local port its connection came from."""

    def __init__(self, turnstile: Turnstile) -> None:
        self._turnstile = turnstile

    def certificate(self, context: Context) -> PeerCertificate:
        guest = self._turnstile.guest(_inner_port(context))
        if guest.certificate is None:
            raise Unauthenticated(guest.problem)
        return guest.certificate

    def describe(self, context: Context) -> tuple[str, str]:
        """Name and address of the caller as far as known; for reports, never for decisions."""
        try:
            guest = self._turnstile.guest(_inner_port(context))
        except Unauthenticated:
            return "anonymous", str(context.peer())
        known = guest.certificate
        return (known.principal.uri if known else "anonymous"), guest.address


def _inner_port(context: Context) -> int:
    return int(context.peer().rpartition(":")[2])
