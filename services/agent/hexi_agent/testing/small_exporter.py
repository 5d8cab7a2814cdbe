"""A small exporter on loopback: pages by path, each as its function answers."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

Page = Callable[[web.Request], web.StreamResponse]


@asynccontextmanager
async def exporter(
    pages: Mapping[str, Page], context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Its URL."""
    app = web.Application()
    for path, page in pages.items():

        async def answer(request: web.Request, page: Page = page) -> web.StreamResponse:
            return page(request)

        app.router.add_get(path, answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    # Only certificates need a name, and to look one up takes its time.
    base = "http://127.0.0.1" if context is None else "https://localhost"
    try:
        yield f"{base}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def text_page(body: str, **headers: str) -> Page:
    return lambda _: web.Response(text=body, headers={"Content-Type": "text/plain", **headers})
