"""Which controllers speak IPMI, and who we are to them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hexi_kit.model import BaseModel, ConfigDict, Field, model_validator

from hexi_agent.sources.polling import PollOptions

_STRICT = ConfigDict(frozen=True, extra="forbid")


class IpmiTarget(BaseModel):
    """`server` is what the mapping calls it; without `host` it is this machine's own controller.

    The password is in a file that ipmitool reads itself, so that no list of processes shows it.
    """

    model_config = _STRICT

    server: str = Field(min_length=1, max_length=200)
    host: str = Field("", pattern=r"^([A-Za-z0-9][A-Za-z0-9.:_-]{0,252})?$")
    port: int = Field(623, ge=1, le=65_535)
    username: str = Field("", pattern=r"^([A-Za-z0-9_.][A-Za-z0-9_.@-]{0,31})?$")
    password: Path | None = None
    # As ipmitool numbers them; 17 is HMAC-SHA256 with AES.
    cipher_suite: int = Field(17, ge=1, le=17)

    @model_validator(mode="after")
    def _can_be_let_in(self) -> IpmiTarget:
        if self.host and (not self.username or self.password is None):
            raise ValueError("expected username and password for a host")
        return self


class IpmiOptions(PollOptions):
    """Each look is a process of its own: few at once, and not too often."""

    targets: tuple[IpmiTarget, ...] = Field(min_length=1, max_length=10_000)
    period_ms: int = Field(30_000, ge=100, le=3_600_000)
    timeout_ms: int = Field(20_000, ge=50, le=600_000)
    concurrency: int = Field(8, ge=1, le=256)
    tool: str = Field("ipmitool", pattern=r"^[A-Za-z0-9/_.+-]{1,400}$")
    # sensors: all of the repository; dcmi: what the whole machine takes, where it knows.
    collect: tuple[Literal["sensors", "dcmi"], ...] = Field(("sensors", "dcmi"), min_length=1)
