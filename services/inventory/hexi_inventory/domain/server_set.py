"""Servers of a site as columns: what a sound set is, and how one differs from the last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SERVERS_MAX = 100_000
RACKS_MAX = 20_000
MODELS_MAX = 1_000
EXECUTORS_MAX = 16
NAME_CHARS_MAX = 64
CPU_MILLI_MAX = 4_096_000
MEMORY_MIB_MAX = 64 * 1024 * 1024
ACCELERATORS_MAX = 64
POWER_W_MAX = 200_000

FEEDS_MAX = 1_000
RACK_POWER_W_MAX = 1_000_000

ServerRow = tuple[str, str, int, int, str, int, int, str, str, int]


@dataclass(frozen=True, slots=True)
class ServerSet:
    """Index i of every column is server i. An index means the same server as long as it exists."""

    site_id: str
    racks: tuple[str, ...]
    rack_index: tuple[int, ...]
    models: tuple[str, ...]
    model_index: tuple[int, ...]
    cpu_milli: tuple[int, ...]
    memory_mib: tuple[int, ...]
    accelerator_models: tuple[str, ...]
    accelerator_index: tuple[int, ...]
    accelerators: tuple[int, ...]
    power_limit_w: tuple[int, ...]
    executors: tuple[str, ...]
    executor_index: tuple[int, ...]
    # In the order of racks; none: one feed, no limit.
    feeds: tuple[str, ...] = ()
    feed_index: tuple[int, ...] = ()
    rack_power_limit_w: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.rack_index)

    def rows(self) -> Iterator[ServerRow]:
        """Each server with its names spelt out, so that dictionaries may be reordered."""
        accelerator_names = ("", *self.accelerator_models)
        executors = self.executors or ("fleet",)
        executor_index = self.executor_index or (0,) * len(self)
        feeds = [self.feeds[index] for index in self.feed_index] or [""] * len(self.racks)
        limits_w = self.rack_power_limit_w or (0,) * len(self.racks)
        for i in range(len(self)):
            rack = self.rack_index[i]
            yield (
                self.racks[rack],
                self.models[self.model_index[i]],
                self.cpu_milli[i],
                self.memory_mib[i],
                accelerator_names[self.accelerator_index[i]],
                self.accelerators[i],
                self.power_limit_w[i],
                executors[executor_index[i]],
                feeds[rack],
                limits_w[rack],
            )


@dataclass(frozen=True, slots=True)
class Difference:
    """Counts of servers by dense index."""

    added: int
    removed: int
    changed: int

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def difference(old: ServerSet | None, new: ServerSet) -> Difference:
    """What a new revision changes."""
    if old is None:
        return Difference(len(new), 0, 0)
    changed = sum(before != after for before, after in zip(old.rows(), new.rows(), strict=False))
    return Difference(max(0, len(new) - len(old)), max(0, len(old) - len(new)), changed)


def problems(servers: ServerSet) -> list[tuple[str, str]]:
    """Every column that is wrong, as (field, reason)."""
    found: list[tuple[str, str]] = []
    count = len(servers)
    if not 1 <= count <= SERVERS_MAX:
        found.append(("rack_index", f"expected 1 to {SERVERS_MAX} servers, was {count}"))
    for field, names, most in (
        ("racks", servers.racks, RACKS_MAX),
        ("models", servers.models, MODELS_MAX),
        ("accelerator_models", servers.accelerator_models, MODELS_MAX),
        ("executors", servers.executors, EXECUTORS_MAX),
        ("feeds", servers.feeds, FEEDS_MAX),
    ):
        found.extend((field, reason) for reason in _name_problems(names, most))
    executors = len(servers.executors) if servers.executor_index else 0
    for field, column, low, high in (
        ("rack_index", servers.rack_index, 0, len(servers.racks) - 1),
        ("model_index", servers.model_index, 0, len(servers.models) - 1),
        ("cpu_milli", servers.cpu_milli, 1, CPU_MILLI_MAX),
        ("memory_mib", servers.memory_mib, 1, MEMORY_MIB_MAX),
        ("accelerator_index", servers.accelerator_index, 0, len(servers.accelerator_models)),
        ("accelerators", servers.accelerators, 0, ACCELERATORS_MAX),
        ("power_limit_w", servers.power_limit_w, 1, POWER_W_MAX),
        ("executor_index", servers.executor_index, 0, executors - 1),
    ):
        if field == "executor_index" and not column and not servers.executors:
            continue
        found.extend((field, reason) for reason in _column_problems(column, count, low, high))
    racks = len(servers.racks)
    for field, column, low, high in (
        ("feed_index", servers.feed_index, 0, len(servers.feeds) - 1),
        ("rack_power_limit_w", servers.rack_power_limit_w, 0, RACK_POWER_W_MAX),
    ):
        if column or (field == "feed_index" and servers.feeds):
            found.extend((field, reason) for reason in _column_problems(column, racks, low, high))
    if not found:
        found.extend(_accelerator_problems(servers))
    return found


def _name_problems(names: Sequence[str], most: int) -> Iterator[str]:
    if len(names) > most:
        yield f"expected at most {most} names, was {len(names)}"
    elif len(set(names)) != len(names):
        yield "expected every name once"
    for name in names[:most]:
        if not name or len(name) > NAME_CHARS_MAX or not name.isprintable():
            yield f"expected 1 to {NAME_CHARS_MAX} printable characters, was {name[:80]!r}"
            return


def _column_problems(column: Sequence[int], count: int, low: int, high: int) -> Iterator[str]:
    if len(column) != count:
        yield f"expected {count} values, one for each, was {len(column)}"
    elif column and not (low <= min(column) and max(column) <= high):
        yield f"expected {low} to {high}, was {min(column)} to {max(column)}"


def _accelerator_problems(servers: ServerSet) -> Iterator[tuple[str, str]]:
    pairs = zip(servers.accelerator_index, servers.accelerators, strict=True)
    for index, (model, number) in enumerate(pairs):
        if (model == 0) != (number == 0):
            yield (
                "accelerators",
                f"expected a model and a number or neither, server {index} has one",
            )
            return
