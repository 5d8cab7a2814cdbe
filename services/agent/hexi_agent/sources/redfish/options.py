"""What the agent is told of its controllers: where they are, how to be let in, what to read."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import yaml
from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.model import BaseModel, ConfigDict, Field, field_validator, model_validator

from hexi_agent.sources.listening import is_loopback
from hexi_agent.sources.polling import PollOptions

_STRICT = ConfigDict(frozen=True, extra="forbid")
SECRET_BYTES_MIN = 16
USERNAME_MAX, PASSWORD_MAX = 256, 1_024
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Collect = Literal[
    "sensors", "power", "thermal", "environment", "processors", "memory", "supplies", "reports"
]


class RedfishTarget(BaseModel):
    """One controller. `server` names what it measures; `parts` where it looks after several:
    the start of a path below /redfish/v1/ ("Chassis/Node1", "Systems/Node1") and the server."""

    model_config = _STRICT

    url: str
    server: str = Field(min_length=1, max_length=200)
    parts: dict[str, str] = Field(default_factory=dict)
    # SHA-256 of its certificate in hex, instead of a certificate authority.
    fingerprint: str = Field("", pattern=r"^([0-9a-fA-F]{64})?$")
    credentials: Path | None = None
    # From where it pushes; empty: from the address of its url.
    pushes_from: tuple[Network, ...] = ()
    # Passwords and readings may cross the network unprotected.
    plain: bool = False

    @model_validator(mode="after")
    def _is_safe(self) -> RedfishTarget:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url: expected https://host[:port]")
        if parts.path.strip("/") or parts.query or parts.username:
            raise ValueError("url: expected neither path nor name nor password")
        if parts.scheme == "http" and not (self.plain or is_loopback(parts.hostname)):
            raise ValueError("url: expected https, or plain: true")
        return self


class PushOptions(BaseModel):
    """Where controllers may post reports. `url` is how they reach `listen`; without `certificate`
    only this machine does."""

    model_config = _STRICT

    listen: str = Field("127.0.0.1", min_length=1)
    port: int = Field(0, ge=0, le=65_535)
    url: str = Field("", pattern=r"^(https?://[^/?#@\s]+)?$")
    certificate: Path | None = None
    private_key: Path | None = None
    # At least 16 bytes; each controller's address is made of it.
    secret: Path
    renew_s: int = Field(300, ge=1, le=86_400)

    @model_validator(mode="after")
    def _is_safe(self) -> PushOptions:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("expected certificate and private_key, or neither")
        if self.certificate is None and not is_loopback(self.listen):
            raise ValueError("listen: expected a certificate for more than this machine")
        return self


class RedfishOptions(PollOptions):
    """All controllers of a site that are asked alike."""

    targets: tuple[RedfishTarget, ...] = Field(min_length=1, max_length=10_000)
    # A file of `username` and `password`, for targets that have none of their own.
    credentials: Path | None = None
    login: Literal["session", "basic"] = "session"
    # Who signed the controllers' certificates; None: whom this machine trusts.
    authority: Path | None = None
    request_timeout_ms: int = Field(4_000, ge=50, le=60_000)
    collect: tuple[Collect, ...] = (
        "sensors",
        "power",
        "thermal",
        "environment",
        "processors",
        "supplies",
        "reports",
    )
    push: PushOptions | None = None

    @field_validator("targets")
    @classmethod
    def _are_different(cls, targets: tuple[RedfishTarget, ...]) -> tuple[RedfishTarget, ...]:
        if len({target.url for target in targets}) < len(targets):
            raise ValueError("expected each url once")
        return targets


@dataclass(frozen=True, slots=True)
class Credentials:
    """Neither printed nor logged: what it is asked to show is its name."""

    username: str = field(repr=False)
    password: str = field(repr=False)


def read_credentials(path: Path) -> Credentials:
    """Read again at every login, for who changes a password changes the file.

    Raises:
        InvalidArgument: without a word of what the file says.
    """
    try:
        return _credentials(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, ValueError, yaml.YAMLError):
        reason = f"{path}: expected a readable file of username and password"
        raise InvalidArgument([Violation("credentials", reason)]) from None


def _credentials(told: object) -> Credentials:
    if not isinstance(told, dict) or told.keys() != {"username", "password"}:
        raise ValueError("expected username and password")
    username, password = told["username"], told["password"]
    if not (isinstance(username, str) and 1 <= len(username) <= USERNAME_MAX):
        raise ValueError("expected a username")
    if not (isinstance(password, str) and len(password) <= PASSWORD_MAX):
        raise ValueError("expected a password")
    return Credentials(username, password)
