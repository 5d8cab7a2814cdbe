"""What a cluster is asked to run, checked: nothing a workload says may mean more than it says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hexi.scheduler.v1 import workload_pb2
from hexi_kit.errors import InvalidArgument, Violation

from hexi_agent.executors import Order

MILLI = 1_000
DURATION_S_DEFAULT = 3_600
MEMORY_MIB_DEFAULT = 512
OUTPUT_BYTES_DEFAULT, OUTPUT_BYTES_MAX = 4_096, 65_536
MOUNTS_MAX = 16

_NAME = re.compile(r"[a-z0-9]{1,52}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")
_IMAGE = re.compile(r"[A-Za-z0-9/][A-Za-z0-9._/:@+-]{0,511}")
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PATH = re.compile(r"/[A-Za-z0-9._/@+-]{0,511}")


@dataclass(frozen=True, slots=True)
class Mount:
    """`source` is a name of the site's configuration, never a path of the workload's choice."""

    source: str
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Job:
    """`replicas` of one program; every amount is that of one replica."""

    placement_id: str
    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    cpu_milli: int
    memory_mib: int
    accelerator: str
    accelerators: int
    accelerator_milli: int
    replicas: int
    # Replicas by server, as PLACE has decided.
    servers: tuple[tuple[int, int], ...]
    duration_s: int
    image: str
    mounts: tuple[Mount, ...]
    working_directory: str


def job_of(order: Order, accelerator_of: Callable[[int], str]) -> Job:
    """`accelerator_of` names the accelerators in a server.

    Raises:
        InvalidArgument: naming each field that can not be run here.
    """
    found = list(_violations(order.placement_id, order.workload.spec.command))
    if found:
        raise InvalidArgument(found)
    spec, command = order.workload.spec, order.workload.spec.command
    per_server = Counter(allocation.server for allocation in order.allocations)
    asked = spec.resources
    return Job(
        order.placement_id,
        tuple(command.argv),
        tuple(sorted(command.environment.items())),
        asked.cpu_milli or MILLI,
        asked.memory_mib or MEMORY_MIB_DEFAULT,
        accelerator_of(min(per_server)) if asked.accelerators and per_server else "",
        asked.accelerators,
        asked.accelerator_milli or MILLI,
        max(1, spec.replicas),
        tuple(sorted(per_server.items())),
        duration_s_of(order),
        command.image,
        tuple(Mount(one.source, one.target, one.read_only) for one in command.mounts),
        command.working_directory,
    )


def duration_s_of(order: Order) -> int:
    return order.workload.spec.duration_s_max or DURATION_S_DEFAULT


def output_bytes_max_of(order: Order) -> int:
    wanted = order.workload.spec.command.output_bytes_max or OUTPUT_BYTES_DEFAULT
    return min(wanted, OUTPUT_BYTES_MAX)


def units_of(job: Job, milli_per_unit: int) -> int:
    """How many units of a cluster's resource one replica's accelerators are.

    Raises:
        InvalidArgument: the cluster can not give such a share.
    """
    units, rest = divmod(job.accelerators * job.accelerator_milli, milli_per_unit)
    if rest or not units:
        reason = f"expected whole units of {milli_per_unit}, was {job.accelerator_milli}"
        raise InvalidArgument([Violation("resources.accelerator_milli", reason)])
    return units


def refused(field: str, reason: str) -> InvalidArgument:
    return InvalidArgument([Violation(field, reason)])


def _violations(name: str, command: workload_pb2.Command) -> Iterator[Violation]:
    if not _NAME.fullmatch(name):
        yield Violation("placement_id", "expected lower-case letters and digits")
    if not command.argv or not command.argv[0]:
        yield Violation("command.argv", "expected a program, was none")
    elif "=" in command.argv[0]:
        # `env` would take it for one more variable.
        yield Violation("command.argv[0]", "expected no '=' in the name of a program")
    if any("\0" in text for text in (*command.argv, *command.environment.values())):
        yield Violation("command", "expected no NUL")
    if not all(_VARIABLE.fullmatch(variable) for variable in command.environment):
        yield Violation("command.environment", "expected names of variables")
    if command.image and not _IMAGE.fullmatch(command.image):
        yield Violation("command.image", "expected an image reference")
    if command.working_directory and not _is_path(command.working_directory):
        yield Violation("command.working_directory", "expected an absolute path without ..")
    if len(command.mounts) > MOUNTS_MAX:
        yield Violation("command.mounts", f"expected at most {MOUNTS_MAX}")
    for index, mount in enumerate(command.mounts[:MOUNTS_MAX]):
        if not _SOURCE.fullmatch(mount.source):
            yield Violation(f"command.mounts[{index}].source", "expected a name the site offers")
        if not _is_path(mount.target) or mount.target == "/":
            yield Violation(f"command.mounts[{index}].target", "expected an absolute path")


def _is_path(text: str) -> bool:
    return bool(_PATH.fullmatch(text)) and ".." not in text.split("/")
