"""The controllers of a site: each polled in its own time, and heard where it pushes."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import aiohttp
from hexi_kit.clock import Clock, SystemClock
from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.ids import derive

from hexi_agent.sources.findings import Finding, Findings
from hexi_agent.sources.polling import Poller
from hexi_agent.sources.raw import Take
from hexi_agent.sources.redfish.client import Controller
from hexi_agent.sources.redfish.options import Network, RedfishOptions, RedfishTarget
from hexi_agent.sources.redfish.push import PushDoor
from hexi_agent.sources.redfish.raw import SOURCE, Whose
from hexi_agent.sources.redfish.subscription import Subscription
from hexi_agent.sources.redfish.watch import ControllerWatch, Hand


class RedfishSource:
    """`findings` say what could not be used, of which controller and why."""

    name = SOURCE

    def __init__(self, options: RedfishOptions, clock: Clock) -> None:
        self._options, self._clock = options, clock
        self._tls = _tls(options)
        self.findings = Findings(SOURCE)
        self.door = PushDoor(options.push, self.findings) if options.push else None

    async def run(self, take: Take) -> None:
        options, real = self._options, SystemClock()
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=2, ssl=self._tls)
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as http:
            controllers = {
                target.url: Controller(http, target, options, self._clock)
                for target in options.targets
            }
            try:
                if self.door is not None:
                    await self.door.open()
                hand = Hand(take, self.findings, self._clock)
                asks = {
                    target.url: await self._ask(target, controllers[target.url], hand)
                    for target in options.targets
                }
                await Poller(options, (self._clock, real), self.findings).run(asks)
            finally:
                if self.door is not None:
                    await self.door.close()
                await asyncio.gather(*(one.close() for one in controllers.values()))

    async def _ask(
        self, target: RedfishTarget, controller: Controller, hand: Hand
    ) -> Callable[[], Awaitable[None]]:
        whose = Whose(target.server, target.parts)
        watch = ControllerWatch(controller, whose, self._options.collect, hand)
        push, door = self._options.push, self.door
        if push is None or door is None:
            return watch.look
        networks = target.pushes_from or await self._networks(target)
        address = door.admit(watch, target.url, networks)
        context = f"hexi-{derive('redfish', target.url)}"
        subscription = Subscription(controller, context, address, push.renew_s)

        async def look() -> None:
            self.findings.note(controller.name, await subscription.keep(hand.clock))
            await watch.look()

        return look

    async def _networks(self, target: RedfishTarget) -> list[Network]:
        """The addresses of its name; nobody may push until it has one."""
        host = urlsplit(target.url).hostname or ""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as error:
            self.findings.note(target.url, [Finding("no-address", host, str(error))])
            return []
        return [ipaddress.ip_network(one[4][0]) for one in found]


def make(options: RedfishOptions, clock: Clock) -> RedfishSource:
    """What the agent's registry of sources calls."""
    return RedfishSource(options, clock)


def _tls(options: RedfishOptions) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=options.authority)
    except (OSError, ssl.SSLError) as error:
        reason = f"{options.authority}: {error}"
        raise InvalidArgument([Violation("authority", reason)]) from error
