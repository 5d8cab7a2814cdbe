"""Which SNMP agents there are, who we are to them, and which of their objects we read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hexi_kit.model import BaseModel, ConfigDict, Field, model_validator

from hexi_agent.sources.modbus.options import IDENTIFIER
from hexi_agent.sources.polling import PollOptions

_STRICT = ConfigDict(frozen=True, extra="forbid")
Hash = Literal["md5", "sha", "sha224", "sha256", "sha384", "sha512"]
Cipher = Literal["des", "aes128", "aes192", "aes256"]


class User(BaseModel):
    """Of SNMP v3. The keys are pass phrases in files; `cipher` needs a `hash`."""

    model_config = _STRICT

    name: str = Field(min_length=1, max_length=32)
    hash: Hash = "sha256"
    hash_key: Path
    cipher: Cipher | None = None
    cipher_key: Path | None = None
    # Most agents have one context, without a name.
    context: str = Field("", max_length=32)

    @model_validator(mode="after")
    def _has_its_keys(self) -> User:
        if (self.cipher is None) != (self.cipher_key is None):
            raise ValueError("expected cipher and cipher_key, or neither")
        return self


class Object(BaseModel):
    """One number: value = offset + scale × what the agent says.

    A `table` is a column whose rows are read, each with its place in the label `index`.
    """

    model_config = _STRICT

    name: str = Field(pattern=IDENTIFIER)
    oid: str = Field(pattern=r"^\.?[0-2](\.\d{1,10}){1,60}$")
    table: bool = False
    scale: float = Field(1.0, allow_inf_nan=False)
    offset: float = Field(0.0, allow_inf_nan=False)
    unit: str = Field("", max_length=32)
    labels: dict[str, str] = Field(default_factory=dict)
    # What it says where it knows nothing, often -1.
    invalid: tuple[float, ...] = ()
    # A counter that begins anew after so many bits, as Counter32 does, is counted on.
    wraps: int | None = Field(None, ge=8, le=48)


class SnmpTarget(BaseModel):
    """`subject` is what the mapping calls it. `community` is a file: v2c; `user`: v3."""

    model_config = _STRICT

    subject: str = Field(min_length=1, max_length=200)
    host: str = Field(min_length=1, max_length=253)
    port: int = Field(161, ge=1, le=65_535)
    community: Path | None = None
    user: User | None = None
    map: str

    @model_validator(mode="after")
    def _says_who_we_are(self) -> SnmpTarget:
        if (self.community is None) == (self.user is None):
            raise ValueError("expected one of community and user")
        return self


class SnmpOptions(PollOptions):
    """Each target is read by one of `maps`."""

    targets: tuple[SnmpTarget, ...] = Field(min_length=1, max_length=10_000)
    maps: dict[str, tuple[Object, ...]]
    request_timeout_ms: int = Field(2_000, ge=50, le=60_000)
    # UDP loses some.
    retries: int = Field(1, ge=0, le=5)
    rows_max: int = Field(256, ge=1, le=4_096)

    @model_validator(mode="after")
    def _fits_together(self) -> SnmpOptions:
        for place, target in enumerate(self.targets):
            if not self.maps.get(target.map):
                raise ValueError(f"targets.{place}.map: expected one of {sorted(self.maps)}")
        for name, objects in self.maps.items():
            told = [(one.name, *sorted(one.labels.items())) for one in objects]
            if len(set(told)) < len(told):
                raise ValueError(f"maps.{name}: expected each name with its labels once")
        return self
