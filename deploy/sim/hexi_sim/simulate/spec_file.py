"""Reads a simulation file and refuses what contradicts itself."""

from __future__ import annotations

from pathlib import Path

import yaml
from hexi_kit.errors import InvalidArgument, Violation
from pydantic import ValidationError

from hexi_sim.simulate.spec import Spec


def read(path: Path) -> Spec:
    """A checked file; paths in it are relative to it or to HEXI_DATA.

    Raises:
        InvalidArgument: with each field that is wrong and why.
    """
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        spec = Spec.model_validate(said)
    except (OSError, yaml.YAMLError) as error:
        raise InvalidArgument([Violation(str(path), str(error))]) from error
    except ValidationError as error:
        raise InvalidArgument(
            [Violation(".".join(map(str, e["loc"])) or str(path), e["msg"]) for e in error.errors()]
        ) from error
    _check(spec)
    return spec


def _check(spec: Spec) -> None:
    names = [site.site for site in spec.sites]
    wrong: list[Violation] = []
    if len(set(names)) != len(names):
        wrong.append(Violation("sites", "expected each site once"))
    for index, site in enumerate(spec.sites):
        if bool(site.nodes_csv) == bool(site.kinds and site.servers):
            wrong.append(
                Violation(f"sites.{index}", "expected kinds with servers, or nodes_csv, not both")
            )
    for index, fault in enumerate(spec.faults):
        if fault.site not in names:
            wrong.append(Violation(f"faults.{index}.site", f"expected a site, was {fault.site!r}"))
        if fault.until_h is not None and fault.until_h <= fault.at_h:
            wrong.append(Violation(f"faults.{index}.until_h", "expected a time after at_h"))
    if (spec.work.trace == "synthetic") != bool(spec.work.shapes):
        wrong.append(
            Violation("work.shapes", "expected shapes for a synthetic trace, and only then")
        )
    if (spec.work.trace == "synthetic") == bool(spec.work.csv):
        wrong.append(Violation("work.csv", "expected a file for a recorded trace, and only then"))
    if len({choice.name for choice in spec.policies}) != len(spec.policies) or not spec.policies:
        wrong.append(Violation("policies", "expected one or more, each name once"))
    if wrong:
        raise InvalidArgument(wrong)
