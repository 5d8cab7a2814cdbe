"""Where remote write comes in, and whose readings it brings."""

from __future__ import annotations

from hexi_kit.model import BaseModel, ConfigDict, Field

from hexi_agent.sources.listening import NAME, ListenOptions


class RemoteWriteOptions(BaseModel):
    """The first of `server_labels` that a series has names its server, without a port.

    A sender that is told to come back keeps what it has only with `retry_on_http_429`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("remote_write", pattern=NAME)
    http: ListenOptions = Field(ListenOptions(listen="127.0.0.1:9201"))
    path: str = Field("/api/v1/write", pattern=r"^(/[A-Za-z0-9._~-]+)+$")
    server_labels: tuple[str, ...] = Field(("instance",), min_length=1, max_length=16)
    readings_per_s_max: int = Field(50_000, ge=1)
