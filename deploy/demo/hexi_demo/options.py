"""What a stranger can turn: servers, duration, seed, trace, where the summary goes."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class DemoOptions(BaseSettings):
    """Read from the environment: `SERVERS=3000 DURATION=60 ./task demo`."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    servers: int = Field(12_000, ge=60, le=1_000_000)
    # Real seconds of load; the clock of the province runs `factor` times as fast.
    duration: int = Field(90, ge=20, le=3_600)
    factor: int = Field(60, ge=1, le=600)
    seed: int = Field(1, ge=0)
    # Workloads a real second.
    rate: int = Field(150, ge=1, le=5_000)
    trace: Path | None = None
    summary: Path | None = None
    keep: bool = False
    hexi_state_dir: Path = Path(".hexi")


def read() -> DemoOptions:
    """The options, or one sentence a problem and exit code 2."""
    try:
        return DemoOptions()  # type: ignore[call-arg] # every field has a default or a variable
    except ValidationError as error:
        problems = (f"{str(p['loc'][0]).upper()}: {p['msg']}" for p in error.errors())
        raise SystemExit("\n".join(problems)) from error
