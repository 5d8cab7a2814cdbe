"""Keeps a copy of this site's Jobs: listed once, then watched from where the list ended."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Protocol

from hexi_kit.errors import HexiError, Unavailable
from hexi_kit.logs import get_logger

from hexi_agent.backoff import Backoff

LINE_BYTES_MAX = 8 * 1024**2
GONE = 410

Thing = dict[str, Any]


class Outdated(HexiError):
    """The cluster no longer knows the changes since then: everything is to be listed again."""


class Source(Protocol):
    async def list_jobs(self) -> tuple[list[Thing], str]:
        """Every Job of the site, and the version of the cluster the list speaks of."""
        ...

    def watch_jobs(self, version: str) -> AsyncIterator[bytes]:
        """Bytes of one JSON event a line, until the cluster ends it."""
        ...


class JobsCopy:
    """Current or silent: while the cluster can not be followed, `jobs` is None."""

    def __init__(self, source: Source, backoff: Backoff) -> None:
        self._source, self._backoff = source, backoff
        self._jobs: dict[str, Thing] = {}
        self._is_current = False

    @property
    def jobs(self) -> dict[str, Thing] | None:
        """By name of the Job."""
        return self._jobs if self._is_current else None

    def add(self, job: Thing) -> None:
        """One that we made ourselves: its event may come later than the next look."""
        self._jobs.setdefault(job["metadata"]["name"], job)

    def remove(self, name: str) -> None:
        self._jobs.pop(name, None)

    async def run(self) -> None:
        while True:
            try:
                jobs, version = await self._source.list_jobs()
                self._jobs = {job["metadata"]["name"]: job for job in jobs}
                self._is_current = True
                while True:
                    version = await self._watch(version)
                    # Short after a watch with any event; a bookmark is one.
                    await self._backoff.wait()
            except Outdated as error:
                get_logger().info("jobs.listed_again", reason=str(error))
                await self._backoff.wait()
            except HexiError as error:
                self._is_current = False
                get_logger().warning("jobs.not_followed", reason=str(error))
                await self._backoff.wait(error)

    async def _watch(self, version: str) -> str:
        """Take in changes until the stream ends; the version to go on from."""
        async for line in lines_of(self._source.watch_jobs(version)):
            self._backoff.reset()
            version = self._take(read_event(line)) or version
        return version

    def _take(self, event: Thing) -> str:
        kind, thing = event["type"], event["object"]
        if kind == "ERROR":
            said = f"{thing.get('code')} {thing.get('reason')}: {thing.get('message')}"
            raise Outdated(said) if thing.get("code") == GONE else Unavailable(said)
        if kind in ("ADDED", "MODIFIED"):
            self._jobs[thing["metadata"]["name"]] = thing
        elif kind == "DELETED":
            self.remove(thing["metadata"]["name"])
        return str(thing["metadata"]["resourceVersion"])


def read_event(line: bytes) -> Thing:
    try:
        event = json.loads(line)
        if event["type"] != "ERROR":
            event["object"]["metadata"]["resourceVersion"]
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"expected an event, was {line[:80]!r}") from error
    found: Thing = event
    return found


async def lines_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Raises Unavailable where a line has no end."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line
        if len(rest) > LINE_BYTES_MAX:
            raise Unavailable(f"expected events of at most {LINE_BYTES_MAX} bytes")
