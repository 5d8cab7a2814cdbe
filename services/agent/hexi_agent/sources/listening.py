"""Where a receiver listens and who may talk to it: nobody unknown from beyond this machine."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hexi_kit.errors import InvalidArgument, Unauthenticated, Unavailable
from hexi_kit.logs import get_logger
from hexi_kit.model import BaseModel, ConfigDict, Field, model_validator

from hexi_agent.sources.secret import SecretFile

MIB = 1024 * 1024
# Of a source, where a site has several of a kind.
NAME = r"^[a-z][a-z0-9_-]{0,63}$"


class ServerTls(BaseModel):
    """`client_authority`: callers must show a certificate of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate: Path
    private_key: Path
    client_authority: Path | None = None

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.private_key)
        if self.client_authority is not None:
            context.load_verify_locations(self.client_authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class ListenOptions(BaseModel):
    """Beyond loopback it takes TLS, and a client's certificate or a bearer token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: str = Field(pattern=r"^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$")
    tls: ServerTls | None = None
    bearer_file: Path | None = None
    # Of a request, as it comes and unpacked.
    body_bytes_max: int = Field(default=4 * MIB, ge=1024, le=64 * MIB)
    body_timeout_s: float = Field(default=10.0, gt=0, le=300)
    requests_at_once_max: int = Field(default=8, ge=1, le=1_000)

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @model_validator(mode="after")
    def _lets_nobody_unknown_in(self) -> ListenOptions:
        knows_callers = self.bearer_file is not None
        knows_callers |= self.tls is not None and self.tls.client_authority is not None
        if not is_loopback(self.host) and (self.tls is None or not knows_callers):
            raise ValueError(
                "listen: expected a loopback address, or tls with client_authority or bearer_file"
            )
        return self


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# Handed the Authorization header; raises Unauthenticated.
Guard = Callable[[str], None]


def guard_of(options: ListenOptions) -> Guard:
    secret = SecretFile(options.bearer_file) if options.bearer_file is not None else None
    return partial(_check, secret)


def _check(secret: SecretFile | None, header: str) -> None:
    if secret is None:
        return
    try:
        is_known = secret.is_bearer(header)
    except InvalidArgument as error:
        # Which file is missing is no business of a caller whom nobody knows.
        get_logger().error("source.secret_unreadable", reason=str(error))
        raise Unavailable("no token to compare with") from error
    if not is_known:
        raise Unauthenticated("expected the bearer token of this receiver")
