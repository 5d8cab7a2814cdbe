"""Free capacity of all servers of all sites as columns: a copy for those who ask why.

One stock for each class and executor; in a stock the sites stand one behind the other, by name.
A record changes a few cells in place, so it costs the same however large the fleet; a stock is
laid out anew when a server set comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.place.pool import Free
from hexi_scheduler.domain.workload import WHOLE, Resources

Kind = tuple[str, str]  # class, executor
Ints = NDArray[np.int32]
Part = tuple[int, Sequence[int], int]  # server, devices, milli of each


class Rows(NamedTuple):
    """One row a server, with what it has free; `server` is its index in its site."""

    cpu_milli: Ints
    memory_mib: Ints
    whole: Ints  # devices that nobody uses
    largest: Ints  # the most that one device has free, in thousandths
    barred: Ints  # one bit a reason
    server: Ints


class Declared(NamedTuple):
    """A server set as columns."""

    kinds: Sequence[Kind]
    kind_index: Sequence[int]
    cpu_milli: Sequence[int]
    memory_mib: Sequence[int]
    accelerators: Sequence[int]


class Stock:
    """One class and executor: rows of all sites, and where each site has its own."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.rows: Rows = _no_rows()
        self.pieces: dict[str, Rows] = {}
        self.spans: dict[str, slice] = {}
        self.devices: dict[str, NDArray[np.int16]] = {}
        self._stale = False

    def put(self, site_id: str, rows: Rows, devices: NDArray[np.int16]) -> None:
        self.pieces[site_id], self.devices[site_id] = rows, devices
        self._stale = True

    def drop(self, site_id: str) -> None:
        if self.pieces.pop(site_id, None) is not None:
            del self.devices[site_id]
            self._stale = True

    def sites_with(self, rows: NDArray[np.bool_]) -> set[str]:
        """Sites of which at least one of these rows is."""
        if not rows.any():
            return set()
        starts = [span.start for span in self.spans.values()]
        some = np.logical_or.reduceat(rows, starts).tolist()
        return {name for name, has in zip(self.spans, some, strict=True) if has}

    def laid_out(self) -> Stock:
        """With rows that are one with the pieces."""
        if self._stale:
            self._stale = False
            self.pieces = {name: self.pieces[name] for name in sorted(self.pieces)}
            self.rows = _joined([_no_rows(), *self.pieces.values()])
            self.spans.clear()
            start = 0
            for name, piece in self.pieces.items():
                span = slice(start, start + len(piece.server))
                self.pieces[name] = _cut(self.rows, span)
                self.spans[name], start = span, span.stop
        return self


class Fleet:
    """Invariant: rows are what the servers have, less what was taken and not given back."""

    def __init__(self) -> None:
        self._stocks: dict[Kind, Stock] = {}
        self._homes: dict[str, tuple[list[Stock], bytes, Ints]] = {}

    @property
    def stocks(self) -> dict[Kind, Stock]:
        return {kind: self._stocks[kind].laid_out() for kind in sorted(self._stocks)}

    def servers(self, site_id: str) -> int:
        home = self._homes.get(site_id)
        return len(home[1]) if home else 0

    def put_servers(self, site_id: str, said: Declared) -> None:
        """A whole server set, empty and in service."""
        for stock in self._stocks.values():
            stock.drop(site_id)
        index = np.array(said.kind_index, np.uint8)
        cpu, memory = np.array(said.cpu_milli, np.int32), np.array(said.memory_mib, np.int32)
        accelerators = np.array(said.accelerators, np.int32)
        row_of = np.zeros(len(index), np.int32)
        homes = []
        for number, kind in enumerate(said.kinds):
            mine = np.flatnonzero(index == number).astype(np.int32)
            row_of[mine] = np.arange(len(mine))
            stock = self._stocks.setdefault(kind, Stock(kind))
            homes.append(stock)
            if len(mine):
                stock.put(site_id, *_empty(mine, cpu[mine], memory[mine], accelerators[mine]))
        self._homes[site_id] = (homes, index.tobytes(), row_of)

    def bar(self, site_id: str, bit: int, servers: Iterable[int]) -> None:
        """Exactly these servers of the site are out for this reason."""
        for stock in self._stocks.values():
            if site_id in stock.pieces:
                barred = stock.pieces[site_id].barred
                np.bitwise_and(barred, ~(1 << bit), out=barred)
        for server in servers:
            found = self._row(site_id, server)
            if found is not None:
                stock, row = found
                stock.pieces[site_id].barred[row] |= 1 << bit

    def take(self, site_id: str, part: Part, asked: Resources) -> None:
        self._move(site_id, part, asked, -1)

    def give(self, site_id: str, part: Part, asked: Resources) -> None:
        self._move(site_id, part, asked, 1)

    def at(self, site_id: str) -> SiteServers:
        return SiteServers(self, site_id)

    def find(self, site_id: str, server: int) -> tuple[Kind, Rows, int, NDArray[np.int16]] | None:
        """Its kind, the rows of its site with its place in them, and its devices."""
        found = self._row(site_id, server)
        if found is None:
            return None
        stock, row = found
        piece = stock.pieces[site_id]
        return stock.kind, piece, row, stock.devices[site_id][row]

    def _row(self, site_id: str, server: int) -> tuple[Stock, int] | None:
        home = self._homes.get(site_id)
        if home is None or server >= len(home[1]):
            return None
        return home[0][home[1][server]], int(home[2][server])

    def _move(self, site_id: str, part: Part, asked: Resources, sign: int) -> None:
        server, devices, milli = part
        found = self._row(site_id, server)
        if found is None:
            return
        stock, row = found
        piece = stock.pieces[site_id]
        piece.cpu_milli[row] += sign * asked.cpu_milli
        piece.memory_mib[row] += sign * asked.memory_mib
        if devices:
            cells = stock.devices[site_id][row]
            for device in devices:
                cells[device] += sign * milli
            free = cells.tolist()
            piece.whole[row], piece.largest[row] = free.count(WHOLE), max(free)


class SiteServers:
    """The servers of one site, as `FreeServer` asks for them."""

    def __init__(self, fleet: Fleet, site_id: str) -> None:
        self._fleet, self._site_id = fleet, site_id

    def free(self, server: int) -> Free:
        _, rows, row, devices = self._found(server)
        free = tuple(sorted(devices.tolist()))
        return int(rows.cpu_milli[row]), int(rows.memory_mib[row]), free

    def devices(self, server: int) -> list[int]:
        found: list[int] = self._found(server)[3].tolist()
        return found

    def serves(self, server: int, kinds: frozenset[Kind]) -> bool:
        """It is of one of these kinds, and in service."""
        found = self._fleet.find(self._site_id, server)
        return found is not None and found[0] in kinds and not found[1].barred[found[2]]

    def _found(self, server: int) -> tuple[Kind, Rows, int, NDArray[np.int16]]:
        found = self._fleet.find(self._site_id, server)
        if found is None:
            raise IndexError(server)
        return found


def _empty(
    server: Ints, cpu_milli: Ints, memory_mib: Ints, accelerators: Ints
) -> tuple[Rows, NDArray[np.int16]]:
    devices = np.zeros((len(server), int(accelerators.max())), np.int16)
    devices[np.arange(devices.shape[1]) < accelerators[:, None]] = WHOLE
    largest = np.where(accelerators > 0, WHOLE, 0).astype(np.int32)
    barred = np.zeros(len(server), np.int32)
    return Rows(cpu_milli, memory_mib, accelerators, largest, barred, server), devices


def _no_rows() -> Rows:
    return Rows(*[np.zeros(0, np.int32) for _ in Rows._fields])


def _joined(pieces: Sequence[Rows]) -> Rows:
    return Rows(*[np.concatenate(column) for column in zip(*pieces, strict=True)])


def _cut(rows: Rows, span: slice) -> Rows:
    return Rows(*[column[span] for column in rows])
