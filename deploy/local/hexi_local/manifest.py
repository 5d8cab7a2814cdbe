"""The list of processes in deploy/services.yaml, checked as it is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

SERVERS = frozenset({"kafka", "postgres"})


class ProcessSpec(BaseModel):
    """One process, as listed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")
    module: str = Field(pattern=r"^[a-z_][a-z0-9_.]*$")
    arguments: tuple[str, ...] = ()
    identity: str = ""
    needs: tuple[str, ...] = ()
    address: str = ""
    database: bool = False

    @property
    def service(self) -> str:
        """The name it is known by to others: on its certificate, in its rights, its role."""
        return self.identity or self.name


class Manifest(BaseModel):
    """All processes and the named sets of them that are started together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    processes: tuple[ProcessSpec, ...]
    profiles: dict[str, tuple[str, ...]]

    @classmethod
    def read(cls, path: Path) -> Manifest:
        return cls.model_validate(yaml.safe_load(path.read_text()))

    @model_validator(mode="after")
    def _names_are_known(self) -> Manifest:
        names = [one.name for one in self.processes]
        if len(set(names)) != len(names):
            raise ValueError(f"expected every process once, was {sorted(names)}")
        known = {*names, *SERVERS}
        asked = {need for one in self.processes for need in one.needs}
        asked |= {name for names in self.profiles.values() for name in names}
        if asked - known:
            raise ValueError(f"expected listed processes, was {sorted(asked - known)}")
        in_order(self.processes)
        return self

    def chosen(self, profile: str, names: Sequence[str] | None) -> tuple[ProcessSpec, ...]:
        """The processes of a profile, or those named."""
        if names is None and profile not in self.profiles:
            raise ValueError(f"expected a profile of {sorted(self.profiles)}, was {profile!r}")
        wanted = set(self.profiles[profile] if names is None else names)
        unknown = wanted - {one.name for one in self.processes}
        if unknown:
            raise ValueError(f"expected listed processes, was {sorted(unknown)}")
        return tuple(one for one in self.processes if one.name in wanted)

    @property
    def databases(self) -> tuple[str, ...]:
        return tuple(sorted({one.service for one in self.processes if one.database}))

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(one.address for one in self.processes if one.address)


def in_order(specs: Iterable[ProcessSpec]) -> list[ProcessSpec]:
    """Each after what it needs; a circle is refused."""
    left = {one.name: one for one in specs}
    done: list[ProcessSpec] = []
    while left:
        free = [one for one in left.values() if not left.keys() & set(one.needs)]
        if not free:
            raise ValueError(f"expected no circle of needs, was one among {sorted(left)}")
        for one in free:
            done.append(left.pop(one.name))
    return done
