"""What one agent is told of its site, read from YAML and checked."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.keys import Algorithm
from hexi_kit.model import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    model_validator,
)

from hexi_agent.domain.catalogue import CATALOGUE, Model
from hexi_agent.keys import KeyRules
from hexi_agent.mapping.subjects import SubjectRule
from hexi_agent.measure.options import MeasureConfig
from hexi_agent.mesh.options import MeshConfig
from hexi_agent.sources.registry import SourceConfig, read_source
from hexi_agent.sources.replay import ReplayMapping

if TYPE_CHECKING:
    from hexi_agent.executors.kubernetes.manifest import KubernetesConfig
    from hexi_agent.executors.slurm.options import SlurmConfig
else:
    KubernetesConfig = SlurmConfig = Any

# Ten times as fast where PyYAML has it, in a fraction of the memory.
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
IDENTIFIER = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_STRICT = ConfigDict(frozen=True, extra="forbid")


class ModelConfig(BaseModel):
    """One server model of a simulated site; `share` is its weight among the racks."""

    model_config = _STRICT

    name: str = Field(pattern=IDENTIFIER)
    share: int = Field(ge=1)
    cpu_milli: int = Field(ge=1)
    memory_mib: int = Field(ge=0)
    accelerator: str = Field("", pattern=r"^[A-Za-z0-9._-]{0,64}$")
    accelerators: int = Field(0, ge=0, le=64)
    power_limit_w: int = Field(ge=1)
    idle_w: int = Field(ge=0)
    cpu_dynamic_w: int = Field(ge=0)
    accelerator_dynamic_w: int = Field(0, ge=0)


class FleetConfig(BaseModel):
    """A simulated part of the site; this machine is not counted.

    `models` says what stands in its racks instead of the built-in catalogue.
    """

    model_config = _STRICT

    servers: int = Field(ge=0, le=100_000)
    seed: int = Field(1, ge=0)
    pue_milli: int = Field(1_200, ge=1_000, le=3_000)
    models: tuple[ModelConfig, ...] = ()
    # Who runs the work of these servers; their readings are modelled all the same.
    executor: Literal["fleet", "slurm", "kubernetes"] = "fleet"

    @property
    def catalogue(self) -> tuple[Model, ...]:
        return tuple(Model(**model.model_dump()) for model in self.models) or CATALOGUE


class ReplayConfig(BaseModel):
    """A recording that takes the place of the simulation's readings."""

    model_config = _STRICT

    path: Path
    mapping: ReplayMapping


class MappingsConfig(BaseModel):
    """Files of the site come before those that are shipped; `shipped` null: all of these."""

    model_config = _STRICT

    files: tuple[Path, ...] = ()
    shipped: tuple[str, ...] | None = None


def _source(entry: object) -> SourceConfig:
    if not isinstance(entry, dict):
        raise ValueError("expected a source with its kind")
    try:
        return read_source(entry)
    except InvalidArgument as error:
        raise ValueError(str(error)) from error


def _section(module: str, name: str) -> PlainValidator:
    """Checks by a model that agents without such a section never load."""

    def read(value: object) -> object:
        if value is None:
            return None
        model: type[BaseModel] = getattr(import_module(module), name)
        try:
            return model.model_validate(value)
        except ValidationError as error:
            found = (".".join(map(str, one["loc"])) + f": {one['msg']}" for one in error.errors())
            raise ValueError("; ".join(found)) from error

    return PlainValidator(read)


_SLURM = _section("hexi_agent.executors.slurm.options", "SlurmConfig")
_KUBERNETES = _section("hexi_agent.executors.kubernetes.manifest", "KubernetesConfig")


class AgentConfig(BaseModel):
    """`host` adds this machine, with its real sensors, as the last server."""

    model_config = _STRICT

    site_id: str = Field(pattern=IDENTIFIER)
    agent_id: str = Field("1", pattern=IDENTIFIER)
    # Folder of the agent's certificate below the pki directory.
    identity: str = Field(pattern=IDENTIFIER)
    # Spool, runs and what was learnt; nobody else writes here.
    state_dir: Path
    period_ms: int = Field(10_000, ge=100, le=3_600_000)
    fleet: FleetConfig = Field(default_factory=lambda: FleetConfig.model_validate({"servers": 0}))
    host: bool = False
    # A ServerSet in protobuf's JSON: what stands here, instead of a simulated fleet.
    servers: Path | None = None
    replay: ReplayConfig | None = None
    # A table of what stands here (CSV), and the dialects that speak of it.
    hosts: Path | None = None
    sources: tuple[Annotated[SourceConfig, PlainValidator(_source)], ...] = ()
    mappings: MappingsConfig = Field(default_factory=MappingsConfig)
    # How names that sources use become names of the table.
    subjects: tuple[SubjectRule, ...] = ()
    # False: an operator publishes the server set; the agent waits until it is the one here.
    publish: bool = True
    executors: list[Literal["fleet", "host", "slurm", "kubernetes"]] = Field(default_factory=list)
    slurm: Annotated[SlurmConfig | None, _SLURM] = None
    kubernetes: Annotated[KubernetesConfig | None, _KUBERNETES] = None
    # What signs the frames, and the age at which its key is followed by a new one.
    signature: Literal["sm2", "ecdsa"] = "sm2"
    key_days: int = Field(30, ge=1, le=3_650)
    # Where other sites' probes are answered; left out: this site takes no part in the mesh.
    mesh: MeshConfig | None = None
    # How its machines are measured, when the benchmark is placed as work.
    measure: MeasureConfig = Field(default_factory=MeasureConfig)
    spool_bytes_max: int = Field(64 * 1024**2, ge=1024**2)

    @property
    def key_rules(self) -> KeyRules:
        is_sm2 = self.signature == "sm2"
        algorithm = Algorithm.SM2_SM3 if is_sm2 else Algorithm.ECDSA_P256_SHA256
        return KeyRules(algorithm, self.key_days)

    @model_validator(mode="after")
    def _has_servers(self) -> AgentConfig:
        given = [bool(self.servers), bool(self.hosts), bool(self.fleet.servers) or self.host]
        if given.count(True) != 1:
            was = "both" if any(given) else "none of them"
            raise ValueError(f"expected servers, or hosts, or fleet and host, was {was}")
        if bool(self.sources) and self.hosts is None:
            raise ValueError("sources: expected hosts, the table of servers they speak of")
        if self.hosts is not None and not self.sources and self.replay is None:
            raise ValueError("hosts: expected sources or replay for their readings, was none")
        if self.servers is not None and self.replay is None:
            raise ValueError("servers: expected replay for their readings, was none")
        if "host" in self.executors and not (self.host or self.hosts):
            raise ValueError("executors: expected host: true for executor host")
        for name, found in (("slurm", self.slurm), ("kubernetes", self.kubernetes)):
            if name in self.executors and found is None:
                raise ValueError(f"executors: expected {name}: for executor {name}")
        if self.kubernetes is not None and not LABEL.fullmatch(self.site_id):
            raise ValueError("site_id: expected a value that a Kubernetes label can have")
        return self


def read_config(path: Path) -> AgentConfig:
    """The configuration in this file.

    Raises:
        InvalidArgument: saying what is wrong with which field.
    """
    try:
        return AgentConfig.model_validate(yaml.load(path.read_text("utf-8"), Loader=YAML_LOADER))
    except OSError as error:
        raise InvalidArgument([Violation("config", f"{path}: {error.strerror}")]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidArgument([Violation("config", f"{path}: {error}")]) from error
    except ValidationError as error:
        found = [
            Violation(".".join(str(part) for part in one["loc"]) or "config", one["msg"])
            for one in error.errors()
        ]
        raise InvalidArgument(found) from error
