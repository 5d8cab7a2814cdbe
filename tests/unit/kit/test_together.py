"""Goal: who comes while a batch is written waits for the next one, and learns what became of it.
Method: a writer that is let go by hand."""

from __future__ import annotations

import asyncio

import pytest
from hexi_kit.together import Together


class Writer:
    """Keeps batches; writes none before it is told how each ends."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.endings: asyncio.Queue[Exception | None] = asyncio.Queue()

    async def write(self, batch: list[str]) -> None:
        self.batches.append(batch)
        ending = await self.endings.get()
        if ending is not None:
            raise ending


async def test_those_who_come_meanwhile_share_the_next_batch_in_order() -> None:
    writer = Writer()
    together = Together(writer.write, most=3)
    for _ in range(3):
        writer.endings.put_nowait(None)

    first = together.add("a")
    await asyncio.sleep(0)
    await asyncio.gather(first, *(together.add(one) for one in "bcde"))

    assert writer.batches == [["a"], ["b", "c", "d"], ["e"]]


async def test_a_batch_that_fails_fails_its_own_and_no_other() -> None:
    writer = Writer()
    together = Together(writer.write)
    lost, gone = together.add("lost"), together.add("gone")
    gone.cancel()
    writer.endings.put_nowait(OSError("away"))
    with pytest.raises(OSError, match="away"):
        await lost

    writer.endings.put_nowait(None)
    await together.add("later")

    assert writer.batches == [["lost", "gone"], ["later"]]
