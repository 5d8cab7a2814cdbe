"""Which meters there are, and what stands in their registers."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Literal

from hexi_kit.model import BaseModel, ConfigDict, Field, model_validator

from hexi_agent.sources.polling import PollOptions

_STRICT = ConfigDict(frozen=True, extra="forbid")
IDENTIFIER = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
# 16-bit registers that a number takes.
WORDS = {"u16": 1, "i16": 1, "u32": 2, "i32": 2, "f32": 2, "u64": 4, "i64": 4, "f64": 4}
LAST_ADDRESS = 65_535
PORT, TLS_PORT = 502, 802


class Register(BaseModel):
    """One number of a meter: value = offset + scale × what stands at `address`, counted from 0."""

    model_config = _STRICT

    name: str = Field(pattern=IDENTIFIER)
    address: int = Field(ge=0, le=LAST_ADDRESS)
    type: Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"]
    table: Literal["holding", "input"] = "holding"
    # Which 16 bits of a wider number stand first; within them it is always the higher byte.
    word_order: Literal["big", "little"] = "big"
    scale: float = Field(1.0, allow_inf_nan=False)
    offset: float = Field(0.0, allow_inf_nan=False)
    unit: str = Field("", max_length=32)
    labels: dict[str, str] = Field(default_factory=dict)
    # What the meter writes where it knows nothing, as an unsigned number of all its bits.
    invalid: tuple[int, ...] = ()
    # A counter that begins anew after so many bits is counted on.
    wraps: int | None = Field(None, ge=8, le=48)

    @property
    def words(self) -> int:
        return WORDS[self.type]

    @model_validator(mode="after")
    def _ends_in_time(self) -> Register:
        if self.address + self.words - 1 > LAST_ADDRESS:
            raise ValueError(f"address: expected room for {self.words} registers")
        if self.wraps is not None and (self.type[0] != "u" or self.wraps > 16 * self.words):
            raise ValueError("wraps: expected at most the bits of an unsigned type")
        return self


class Meter(BaseModel):
    """`subject` is what the mapping calls it; several units may stand behind one gateway."""

    model_config = _STRICT

    subject: str = Field(min_length=1, max_length=200)
    host: str = Field(min_length=1, max_length=253)
    # 502, and 802 by TLS.
    port: int | None = Field(None, ge=1, le=65_535)
    unit: int = Field(1, ge=0, le=255)
    map: str


class ModbusTls(BaseModel):
    """`authority` signed the meters' certificates; the rest is ours, where they ask for it."""

    model_config = _STRICT

    authority: Path
    certificate: Path | None = None
    private_key: Path | None = None

    @model_validator(mode="after")
    def _has_both(self) -> ModbusTls:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("expected certificate and private_key, or neither")
        return self

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authority)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.private_key)
        return context


class ModbusOptions(PollOptions):
    """Each meter is read by one of `maps`. With `tls`, all of them are spoken to by Modbus/TCP
    Security; a site that has both kinds has two sources."""

    tls: ModbusTls | None = None
    targets: tuple[Meter, ...] = Field(min_length=1, max_length=10_000)
    maps: dict[str, tuple[Register, ...]]
    request_timeout_ms: int = Field(2_000, ge=50, le=60_000)

    def port_of(self, meter: Meter) -> int:
        return meter.port or (PORT if self.tls is None else TLS_PORT)

    @model_validator(mode="after")
    def _fits_together(self) -> ModbusOptions:
        for place, target in enumerate(self.targets):
            if not self.maps.get(target.map):
                raise ValueError(f"targets.{place}.map: expected one of {sorted(self.maps)}")
        for name, registers in self.maps.items():
            told = [(one.name, *sorted(one.labels.items())) for one in registers]
            if len(set(told)) < len(told):
                raise ValueError(f"maps.{name}: expected each name with its labels once")
        return self
