"""All routes by workload id; those a recovery brought back are read when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hexi_scheduler.domain.route.route import Route

Load = Callable[[], Route]


class Routes:
    """Most workloads are never asked for again: to read them all would delay a restart."""

    __slots__ = (
        "_read",
        "_unread",
    )

    def __init__(self) -> None:
        self._read: dict[str, Route] = {}
        self._unread: dict[str, Load] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._read or name in self._unread

    def __iter__(self) -> Iterator[str]:
        yield from self._read
        yield from self._unread

    def __getitem__(self, name: str) -> Route:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __setitem__(self, name: str, route: Route) -> None:
        self._unread.pop(name, None)
        self._read[name] = route

    def get(self, name: str) -> Route | None:
        found = self._read.get(name)
        if found is None:
            load = self._unread.pop(name, None)
            if load is not None:
                found = self._read[name] = load()
        return found

    def put_unread(self, name: str, load: Load) -> None:
        self._read.pop(name, None)
        self._unread[name] = load

    def forget(self, name: str) -> None:
        self._read.pop(name, None)
        self._unread.pop(name, None)
