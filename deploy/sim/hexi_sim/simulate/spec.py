"""What a simulation file may say; anything else is refused with its field and the reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

HOUR_MS = 3_600_000
Count = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
Grams = Annotated[int, Field(ge=0, le=5_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Kind(_Part):
    """A model of server; watts are the server asleep, idle, and what full use adds."""

    name: str
    share: int = Field(default=1, ge=1)
    cpu_milli: int = Field(ge=1)
    memory_mib: int = Field(ge=1)
    accelerator: str = ""
    accelerators: Count = 0
    idle_w: Count = 150
    cpu_w: Count = 300
    accelerator_w: Count = 300


class Site(_Part):
    """A data centre: `kinds`, or an openb list from `nodes_from` on, every `nodes_step`-th."""

    site: Name
    region: str = "gansu"
    pue_milli: int = Field(1_200, ge=1_000, le=3_000)
    carbon_g_per_kwh: Grams | tuple[Grams, ...] = 300
    carbon_csv: str = ""
    price_percent: int = Field(100, ge=1, le=1_000)
    price_percent_by_hour: tuple[int, ...] = ()
    security_grade: int = Field(3, ge=0, le=5)
    state_owned_cloud: bool = False
    latency_us: Mapping[str, int] = Field(default_factory=dict)
    servers: Count = 0
    kinds: tuple[Kind, ...] = ()
    nodes_csv: str = ""
    nodes_from: Count = 0
    nodes_step: int = Field(1, ge=1)
    servers_per_rack: int = Field(20, ge=1)


class Shape(_Part):
    """One kind of work of a synthetic trace; `weight` says how often."""

    weight: int = Field(1, ge=1)
    template: Literal["store", "render", "train", "backup", "inference", "public_service"] = (
        "render"
    )
    cpu_milli: int = Field(ge=1)
    memory_mib: int = Field(1_024, ge=0)
    accelerators: Count = 0
    accelerator_milli: int = Field(0, ge=0, le=1_000)
    models: tuple[str, ...] = ()
    replicas: int = Field(1, ge=1)
    priority: Count = 0
    duration_s: int = Field(3_600, ge=1)
    slack_s: Count = 0
    interruptible: bool = False
    checkpoint_s: Count = 0
    latency_region: str = ""
    latency_us_max: Count = 0


class Work(_Part):
    """Arrivals: synthetic shapes, an openb list of pods, or a table of arrival, length and cpus."""

    trace: Literal["synthetic", "openb", "table"] = "synthetic"
    csv: str = ""
    count: int = Field(1_000, ge=1, le=2_000_000)
    per_hour: float = Field(100, gt=0)
    shapes: tuple[Shape, ...] = ()
    tenants: Mapping[Name, Annotated[int, Field(ge=1)]] = Field(default_factory=lambda: {"t": 1})
    # Of a table: arrivals come this many times as fast. Of openb: mean run time, 0 for no end.
    speed: float = Field(1, gt=0)
    duration_h: float = Field(0, ge=0)
    slack_h: float = Field(0, ge=0)


class Fault(_Part):
    """Something that happens to a site at an hour; it ends at another, or not at all."""

    kind: Literal["site_lost", "servers_failed", "quarantine", "maintenance", "drain"]
    site: Name
    at_h: float = Field(ge=0)
    until_h: float | None = None
    servers: tuple[int, ...] = ()
    racks: tuple[str, ...] = ()


class PolicyChoice(_Part):
    """One run of the same world: fields of the route policy, and who chooses servers."""

    name: str
    route: Mapping[str, Any] = Field(default_factory=dict)
    place: str = "production"


class Spec(_Part):
    """A whole simulation file."""

    name: str
    title_zh: str = ""
    seed: int = 1
    start: datetime = datetime.fromisoformat("2026-11-21T00:00:00+08:00")
    hours: float = Field(24, gt=0, le=24 * 366)
    tick_s: int = Field(300, ge=1)
    offer_s: int = Field(30, ge=1)
    sample_s: int = Field(900, ge=1)
    sites: tuple[Site, ...] = Field(min_length=1)
    work: Work
    faults: tuple[Fault, ...] = ()
    policies: tuple[PolicyChoice, ...] = (PolicyChoice(name="production"),)
