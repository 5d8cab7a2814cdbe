"""What every process is told from outside, read once, checked, and shown without secrets."""

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

from hexi_kit.clock import clock_from
from hexi_kit.errors import InvalidArgument
from hexi_kit.model import (
    BaseModel,
    ConfigDict,
    ValidationError,
    field_validator,
    model_validator,
)

_SECRET_NAME = re.compile(r"password|secret|token|credential|private_key", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@/\s]*@")
_REDACTED = "[redacted]"
PREFIX = "HEXI_"

Settings = TypeVar("Settings", bound="ServiceSettings")


class ServiceSettings(BaseModel):
    """Variables all processes share, plain values each; a service adds its own in a subclass."""

    model_config = ConfigDict(extra="ignore", frozen=True, validate_default=True)

    state_dir: Path = Path(".hexi")
    pki_dir: Path | None = None
    kafka_bootstrap: str = "127.0.0.1:9092"
    postgres_dsn: str = ""
    clock: str = "system"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    otel_exporter: Literal["none", "console", "otlp"] = "none"
    listen: str = "127.0.0.1:0"
    # Where Prometheus may scrape /metrics, such as 127.0.0.1:9464; nowhere if empty.
    metrics_listen: str = ""
    inventory_address: str = "127.0.0.1:7101"
    telemetry_address: str = "127.0.0.1:7102"
    scheduler_address: str = "127.0.0.1:7103"
    marketplace_address: str = "127.0.0.1:7104"
    settlement_address: str = "127.0.0.1:7105"
    security_monitor_address: str = "127.0.0.1:7106"

    @property
    def pki(self) -> Path:
        return self.pki_dir or self.state_dir / "pki"

    @model_validator(mode="before")
    @classmethod
    def _environment_speaks(cls, given: dict[str, object]) -> dict[str, object]:
        # By hand: the library for this takes 13 MB of every process.
        names = {name: PREFIX + name.upper() for name in cls.model_fields}
        told = {name: os.environ[key] for name, key in names.items() if key in os.environ}
        return told | given

    @field_validator("clock")
    @classmethod
    def _clock_is_readable(cls, text: str) -> str:
        try:
            clock_from(text)
        except InvalidArgument as error:
            raise ValueError(str(error)) from error
        return text

    @field_validator("listen", "*", mode="after")
    @classmethod
    def _addresses_are_host_and_port(cls, value: object, info: object) -> object:
        name = getattr(info, "field_name", "") or ""
        is_address = name == "listen" or name.endswith("_address")
        if is_address or (name == "metrics_listen" and value):
            host, _, port = str(value).rpartition(":")
            if not host or not port.isdigit() or int(port) > 65_535:
                raise ValueError(f"expected host:port, was {value!r}")
        return value


def load(settings_class: type[Settings], argv: Sequence[str]) -> Settings:
    """Read the environment; `--validate` shows what was read and ends the process."""
    try:
        settings = settings_class()
    except ValidationError as error:
        for problem in error.errors():
            variable = PREFIX + "_".join(str(part) for part in problem["loc"]).upper()
            sys.stderr.write(f"{variable}: {problem['msg']}\n")
        raise SystemExit(2) from error
    if "--validate" in argv:
        sys.stdout.write(json.dumps(redacted(settings), indent=2, ensure_ascii=False) + "\n")
        raise SystemExit(0)
    return settings


def redacted(settings: ServiceSettings) -> dict[str, object]:
    """The settings as plain values, safe to print."""
    plain = settings.model_dump(mode="json")
    return {
        name: _REDACTED if _SECRET_NAME.search(name) else _without_password(value)
        for name, value in plain.items()
    }


def _without_password(value: object) -> object:
    return _URL_PASSWORD.sub(rf"\1:{_REDACTED}@", value) if isinstance(value, str) else value
