"""Finds the running Hexi and opens its doors with the caller's certificate."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import grpc
from hexi_kit.identity import Identity

CALL_TIMEOUT_S = 10.0
Stub = TypeVar("Stub")


class NotRunningError(Exception):
    """No Hexi is known here, or it does not answer."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the services are, and who asks."""

    addresses: dict[str, str]
    identity: Identity

    @classmethod
    def find(cls, state_dir: Path, who: str) -> Connection:
        """Read `<state_dir>/run.json` and the identity `<state_dir>/pki/<who>`.

        Raises:
            NotRunningError: with what is missing and how to get it.
        """
        path = state_dir / "run.json"
        if not path.is_file():
            raise NotRunningError(f"no Hexi runs from {state_dir}: start one with ./task up")
        run = json.loads(path.read_text(encoding="utf-8"))
        pki = Path(os.environ.get("HEXI_PKI_DIR") or state_dir / "pki")
        try:
            identity = Identity.load(pki, who or "-")
        except FileNotFoundError as error:
            known = ", ".join(sorted(p.parent.name for p in pki.glob("*/cert.pem"))) or "none"
            problem = f"no identity {who!r} in {pki}" if who else "say who you are with --as"
            raise NotRunningError(f"{problem}; there are: {known}") from error
        return cls(run["addresses"], identity)

    def stub(self, service: str, make: Callable[[grpc.Channel], Stub]) -> Stub:
        """A blocking stub of `service` over mutual TLS."""
        if service not in self.addresses:
            raise NotRunningError(f"the running Hexi has no {service}")
        credentials = grpc.ssl_channel_credentials(
            self.identity.authority(), self.identity.key(), self.identity.certificate()
        )
        options = [("grpc.ssl_target_name_override", "localhost")]
        channel = grpc.secure_channel(self.addresses[service], credentials, options)
        return make(grpc.intercept_channel(channel, _WithDeadline()))


class _Details(NamedTuple):
    """What gRPC reads of a call; it asks for the fields by name."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


class _WithDeadline(grpc.UnaryUnaryClientInterceptor):  # type: ignore[type-arg] # generic only in stubs
    """Services refuse calls without a deadline; a person waits no longer than this."""

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        timed = _Details(
            details.method,
            details.timeout or CALL_TIMEOUT_S,
            details.metadata,
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )
        return continuation(timed, request)
