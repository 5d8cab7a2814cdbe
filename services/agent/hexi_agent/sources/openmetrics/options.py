"""Which exporters are asked, how often, and as whom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from hexi_kit.model import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from hexi_agent.sources.listening import MIB, NAME, is_loopback
from hexi_agent.sources.polling import PollOptions


class ExporterTarget(BaseModel):
    """One page. `server` names what it measures, else the host of its url does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(max_length=2_000)
    server: str = Field("", max_length=200)

    @property
    def subject(self) -> str:
        return self.server or urlsplit(self.url).hostname or ""

    def asking_for(self, collectors: Sequence[str]) -> str:
        """Its url, asking for no more than these; for all that there is, if none is named."""
        parts = urlsplit(self.url)
        words = [*filter(None, [parts.query]), *(f"collect[]={name}" for name in collectors)]
        return urlunsplit(parts._replace(query="&".join(words), fragment=""))

    @field_validator("url")
    @classmethod
    def _is_a_page(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("expected http(s)://host[:port]/path without a name or password")
        return url


def _target(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


class ExporterLogin(BaseModel):
    """A bearer token, or a name and a password; secrets stand in files of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bearer_file: Path | None = None
    username: str = Field("", max_length=256, pattern=r"^[^:\r\n]*$")
    password_file: Path | None = None

    @model_validator(mode="after")
    def _is_one(self) -> ExporterLogin:
        if bool(self.username) != (self.password_file is not None):
            raise ValueError("expected username and password_file, or neither")
        if bool(self.username) == (self.bearer_file is not None):
            raise ValueError("expected bearer_file or username, one of them")
        return self


class OpenMetricsOptions(PollOptions):
    """`server_label`: a page of many machines (DCGM's `Hostname`, a federation's `instance`) says
    by it which one a series is of."""

    name: str = Field("openmetrics", pattern=NAME)
    targets: tuple[Annotated[ExporterTarget, BeforeValidator(_target)], ...] = Field(
        min_length=1, max_length=20_000
    )
    server_label: str = Field("", pattern=r"^([a-zA-Z_][a-zA-Z0-9_]*)?$")
    # Of a node_exporter: those collectors whose readings a rule asks for; none: all.
    collect: tuple[Annotated[str, Field(pattern=r"^[a-z0-9_.]{1,64}$")], ...] = Field(
        (), max_length=100
    )
    page_bytes_max: int = Field(4 * MIB, ge=1024, le=64 * MIB)
    login: ExporterLogin | None = None
    # Who signed the exporters' certificates; None: whom this machine trusts.
    authority: Path | None = None
    # Ours, where exporters ask for one.
    certificate: Path | None = None
    private_key: Path | None = None

    @model_validator(mode="after")
    def _tells_no_secret(self) -> OpenMetricsOptions:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("expected certificate and private_key, or neither")
        for target in self.targets if self.login is not None else ():
            parts = urlsplit(target.url)
            if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
                raise ValueError(f"login: expected https for {target.url}")
        if len({target.url for target in self.targets}) < len(self.targets):
            raise ValueError("targets: expected each url once")
        return self
