"""Whether the process is ready, and who waits to hear of it."""

import asyncio


class Readiness:
    """A flag that can be awaited; the health servicer tells it to the outside."""

    def __init__(self, ready: bool = False) -> None:
        self._ready = ready
        self._changed = asyncio.Event()

    def __bool__(self) -> bool:
        return self._ready

    def set(self, ready: bool) -> None:
        if ready != self._ready:
            self._ready = ready
            self._changed.set()
            self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()
