"""What a local run is asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MANIFEST = Path(__file__).resolve().parents[2] / "services.yaml"
DEFAULT_STATE = ".hexi"


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """Other servers are used instead of the embedded ones where their address is given.

    `services` names processes; None takes the whole profile. `environment` reaches every process,
    `environments` only the process it names.
    """

    state_dir: Path = Path(DEFAULT_STATE)
    clock: str = "system"
    profile: str = "all"
    services: Sequence[str] | None = None
    kafka_bootstrap: str = ""
    postgres_dsn: str = ""
    manifest: Path = MANIFEST
    environment: Mapping[str, str] = field(default_factory=dict)
    environments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, profile: str = "all") -> LocalOptions:
        """As the variables HEXI_* say."""
        return cls(
            state_dir=Path(os.environ.get("HEXI_STATE_DIR", DEFAULT_STATE)),
            clock=os.environ.get("HEXI_CLOCK", "system"),
            profile=profile,
            kafka_bootstrap=os.environ.get("HEXI_KAFKA_BOOTSTRAP", ""),
            postgres_dsn=os.environ.get("HEXI_POSTGRES_DSN", ""),
        )
