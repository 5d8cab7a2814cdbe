"""Children that are started while gRPC is busy: one in three died of it before it ran."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from hexi_local.child import Child, Command

pytestmark = pytest.mark.integration

CHILDREN = 60


async def test_a_child_survives_the_calls_of_its_parent(tmp_path) -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/nobody/answers")

        async def talk() -> None:
            while True:
                with pytest.raises(grpc.aio.AioRpcError):
                    await call(b"")

        talking = [asyncio.create_task(talk()) for _ in range(3)]
        codes = set()
        for _ in range(CHILDREN):
            child = await Child.start(Command("true", ["true"], tmp_path / "true.log"))
            codes.add(await child.wait())
        for task in talking:
            task.cancel()
        await asyncio.wait(talking)
    await server.stop(None)

    assert codes == {0}
