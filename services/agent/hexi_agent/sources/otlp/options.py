"""Where OTLP comes in, and whose readings it brings."""

from __future__ import annotations

from hexi_kit.model import BaseModel, ConfigDict, Field, model_validator

from hexi_agent.sources.listening import NAME, ListenOptions

SERVER_ATTRIBUTES = ("host.name", "host.id", "k8s.node.name", "hw.id")


class OtlpOptions(BaseModel):
    """The first of `server_attributes` that a resource has, or else a data point, names its server.

    Senders that are told to come back keep what they have: `readings_per_s_max` loses nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("otlp", pattern=NAME)
    grpc: ListenOptions | None = Field(ListenOptions(listen="127.0.0.1:4317"))
    http: ListenOptions | None = Field(ListenOptions(listen="127.0.0.1:4318"))
    server_attributes: tuple[str, ...] = Field(SERVER_ATTRIBUTES, min_length=1, max_length=16)
    readings_per_s_max: int = Field(50_000, ge=1)

    @model_validator(mode="after")
    def _has_a_door(self) -> OtlpOptions:
        if self.grpc is None and self.http is None:
            raise ValueError("expected grpc or http, was none of them")
        return self
