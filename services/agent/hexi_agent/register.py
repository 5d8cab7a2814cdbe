"""Learns which revision of the server set the readings speak of, and publishes it where told to."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
from hexi.inventory.v1 import inventory_pb2
from hexi.inventory.v1 import inventory_service_pb2 as pb
from hexi_kit.errors import HexiError, Unavailable
from hexi_kit.ids import derive
from hexi_kit.logs import get_logger
from hexi_kit.rpc.status import from_rpc_error
from hexi_kit.signing import sm3

from hexi_agent.backoff import Backoff

FILE = "server_set.json"
Publish = Callable[[pb.PublishServerSetRequest], Awaitable[pb.PublishServerSetResponse]]
Get = Callable[[pb.GetServerSetRequest], Awaitable[pb.GetServerSetResponse]]


class Register:
    """`revision` is 0 until the inventory has the set; what it said is remembered on disk, so that
    a restart can go on while the inventory is away."""

    def __init__(
        self, server_set: inventory_pb2.ServerSet, state_dir: Path, backoff: Backoff
    ) -> None:
        self._server_set, self._backoff = server_set, backoff
        self._content = sm3(server_set.SerializeToString(deterministic=True)).hex()
        self._path = state_dir / FILE
        self.revision = self._remembered()

    async def publish(self, publish: Publish) -> None:
        """The same servers published again are the same revision."""
        key = derive("server-set", self._server_set.site_id, self._content)
        request = pb.PublishServerSetRequest(idempotency_key=key, server_set=self._server_set)

        async def ask() -> int:
            return (await publish(request)).revision

        await self._until_known(ask)

    async def find(self, get: Get) -> None:
        """Somebody else publishes; wait until what they published is what stands here."""
        request = pb.GetServerSetRequest(site_id=self._server_set.site_id)

        async def ask() -> int:
            found = (await get(request)).server_set
            revision, found.revision = found.revision, 0
            if found != self._server_set:
                raise Unavailable(f"revision {revision} does not describe the servers here")
            return revision

        await self._until_known(ask)

    async def _until_known(self, ask: Callable[[], Awaitable[int]]) -> None:
        while True:
            try:
                self._remember(await ask())
                return
            except grpc.aio.AioRpcError as problem:
                error = from_rpc_error(problem)
            except HexiError as problem:
                error = problem
            # Not registered yet, away, or refused: each can be mended without us.
            get_logger().warning("server_set.unknown", reason=str(error))
            await self._backoff.wait(error)

    def _remembered(self) -> int:
        try:
            kept = json.loads(self._path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return 0
        return int(kept["revision"]) if kept["content"] == self._content else 0

    def _remember(self, revision: int) -> None:
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps({"content": self._content, "revision": revision}))
        beside.rename(self._path)
        self.revision = revision
        get_logger().info("server_set.known", revision=revision)
