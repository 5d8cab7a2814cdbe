"""The table of hosts: what stands at the site, one row a server, and what sources call it.

A server's index is its row, so rows are added at the end and never moved.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from hexi.inventory.v1 import inventory_pb2
from hexi_kit.errors import InvalidArgument, Violation

HOSTS_MAX = 100_000
FILE_BYTES_MAX = 64 * 1024**2
TEXT_MAX = 200
NUMBER_MAX = 2**31 - 1
EXECUTORS = ("fleet", "host", "slurm", "kubernetes")


@dataclass(frozen=True, slots=True)
class Host:
    """A row. `aliases` are more names of it, separated by spaces: an address, a BMC, a serial."""

    name: str
    rack: str
    model: str
    cpu_milli: int
    memory_mib: int
    accelerator: str = ""
    accelerators: int = 0
    power_limit_w: int = 0
    executor: str = "fleet"
    aliases: str = ""

    @property
    def names(self) -> list[str]:
        return [self.name, *self.aliases.split()]


COLUMNS = tuple(field.name for field in fields(Host))
NUMBERS = ("cpu_milli", "memory_mib", "accelerators", "power_limit_w")
NEEDED = ("name", "rack", "model", "cpu_milli", "memory_mib", "power_limit_w")


def read_hosts(path: Path) -> list[Host]:
    """
    Raises:
        InvalidArgument: naming file, line and column.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InvalidArgument([Violation("hosts", f"{path}: over {FILE_BYTES_MAX} bytes")])
        return parse_hosts(path.read_text(encoding="utf-8-sig"), str(path))
    except OSError as error:
        raise InvalidArgument([Violation("hosts", f"{path}: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise InvalidArgument([Violation("hosts", f"{path}: {error}")]) from error


def parse_hosts(text: str, where: str = "hosts") -> list[Host]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        given = reader.fieldnames or []
        missing, strange = set(NEEDED) - set(given), set(given) - set(COLUMNS)
        if missing or strange:
            reason = f"{where}: columns missing {sorted(missing)}, unknown {sorted(strange)}"
            raise InvalidArgument([Violation("hosts", reason)])
        hosts = [_host(row, f"{where}:{reader.line_num}") for row in reader]
    except csv.Error as error:
        reason = f"{where}:{reader.line_num}: {error}"
        raise InvalidArgument([Violation("hosts", reason)]) from error
    if not 1 <= len(hosts) <= HOSTS_MAX:
        reason = f"{where}: expected 1 to {HOSTS_MAX} rows, was {len(hosts)}"
        raise InvalidArgument([Violation("hosts", reason)])
    names_of(hosts)
    return hosts


def names_of(hosts: Sequence[Host]) -> dict[str, int]:
    """Index of every server by each of its names."""
    found: dict[str, int] = {}
    for index, host in enumerate(hosts):
        for name in host.names:
            other = found.setdefault(name.casefold(), index)
            if other != index:
                reason = f"{name!r} is both {hosts[other].name} and {host.name}"
                raise InvalidArgument([Violation("hosts", reason)])
    return found


def write_hosts(path: Path, hosts: Iterable[Host]) -> None:
    """The table appears whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(host) for host in hosts)
    beside = path.with_suffix(path.suffix + ".new")
    beside.write_text(text.getvalue(), encoding="utf-8")
    beside.replace(path)


def server_set_of_hosts(site_id: str, hosts: Sequence[Host]) -> inventory_pb2.ServerSet:
    """As the inventory wants it: every name once, every number a column."""
    racks, models = _once(h.rack for h in hosts), _once(h.model for h in hosts)
    accelerators = _once(h.accelerator for h in hosts if h.accelerator)
    executors = _once(h.executor for h in hosts)
    return inventory_pb2.ServerSet(
        site_id=site_id,
        racks=list(racks),
        rack_index=[racks[h.rack] for h in hosts],
        models=list(models),
        model_index=[models[h.model] for h in hosts],
        cpu_milli=[h.cpu_milli for h in hosts],
        memory_mib=[h.memory_mib for h in hosts],
        accelerator_models=list(accelerators),
        accelerator_index=[accelerators.get(h.accelerator, -1) + 1 for h in hosts],
        accelerators=[h.accelerators for h in hosts],
        power_limit_w=[h.power_limit_w for h in hosts],
        executors=list(executors),
        executor_index=[executors[h.executor] for h in hosts],
    )


def _once(names: Iterable[str]) -> dict[str, int]:
    return {name: index for index, name in enumerate(dict.fromkeys(names))}


def _host(row: Mapping[str | None, str | None], where: str) -> Host:
    problems = [Violation("hosts", f"{where}: too many columns")] if None in row else []
    given: dict[str, str | int] = {}
    for name in COLUMNS:
        text = (row.get(name) or "").strip()
        if name in NUMBERS:
            is_number = text.isascii() and text.isdigit() and int(text[:12]) <= NUMBER_MAX
            if text and not is_number:
                problems.append(Violation("hosts", f"{where}: {name}: was {text[:40]!r}"))
            given[name] = int(text[:12]) if is_number else 0
        else:
            given[name] = text
            if len(text) > TEXT_MAX or (not text and name in NEEDED):
                problems.append(Violation("hosts", f"{where}: {name}: was {text[:40]!r}"))
    given["executor"] = given["executor"] or "fleet"
    if given["executor"] not in EXECUTORS:
        problems.append(Violation("hosts", f"{where}: executor: expected one of {EXECUTORS}"))
    if bool(given["accelerator"]) != bool(given["accelerators"]):
        problems.append(Violation("hosts", f"{where}: accelerator without number, or vice versa"))
    for name in ("cpu_milli", "power_limit_w"):
        if not given[name]:
            problems.append(Violation("hosts", f"{where}: {name}: expected more than 0"))
    if problems:
        raise InvalidArgument(problems)
    return Host(**given)  # type: ignore[arg-type]  # each column has the type of its field
