"""What an agent is told of the mesh."""

from __future__ import annotations

from hexi_kit.model import BaseModel, ConfigDict, Field

ADDRESS = r"^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252}):[0-9]{1,5}$"


class MeshConfig(BaseModel):
    """`address` is where other sites reach `listen`; left out where it is the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: str = Field(pattern=ADDRESS)
    address: str = Field("", pattern=f"^$|{ADDRESS}")
    # Each peer is probed so often, in real time.
    probe_ms: int = Field(1_000, ge=10, le=60_000)
    # What is reported together, by the province's clock.
    window_s: int = Field(60, ge=1, le=600)
