"""The promise of one controller to post its reports to us, kept alive and never doubled."""

from __future__ import annotations

from hexi_kit.clock import Clock
from hexi_kit.errors import NotFound

from hexi_agent.sources.findings import Finding
from hexi_agent.sources.redfish.client import Controller
from hexi_agent.sources.redfish.document import Document, link, members, text

SUBSCRIPTIONS = "/redfish/v1/EventService/Subscriptions"
LOOKED_AT_MAX = 64


class Subscription:
    """Found again by its context after a restart; not taken back at the end, so that nothing is
    missed until the agent is there again, and controllers drop what nobody answers."""

    def __init__(
        self, controller: Controller, context: str, destination: str, renew_s: float
    ) -> None:
        self._controller, self._context = controller, context
        self._destination, self._renew_s = destination, renew_s
        self._path, self._due_s = "", 0.0

    async def keep(self, clock: Clock) -> list[Finding]:
        """What to tell; when it is refused, reports are polled as before."""
        now_s = clock.real_monotonic_s()
        if now_s < self._due_s:
            return []
        self._due_s = now_s + self._renew_s
        try:
            if not await self._is_there(self._path):
                self._path = await self._found_again() or await self._subscribed()
        except NotFound as error:
            return [Finding("push-refused", self._controller.name, str(error))]
        return []

    async def _is_there(self, path: str) -> bool:
        return bool(path) and await self._read(path) is not None

    async def _read(self, path: str) -> Document | None:
        """None unless it is ours and leads here."""
        try:
            found = await self._controller.get(path)
        except NotFound:
            return None
        if isinstance(found, Finding) or text(found.get("Context")) != self._context:
            return None
        if link(found.get("Destination")) == self._destination:
            return found
        # Ours of another time: the address, or the secret, was another.
        await self._controller.delete(path)
        return None

    async def _found_again(self) -> str:
        found = await self._controller.get(SUBSCRIPTIONS)
        if isinstance(found, Finding):
            return ""
        for number, member in enumerate(members(found, "Members")):
            path = link(member.get("@odata.id"))
            if number >= LOOKED_AT_MAX or not path.startswith(f"{SUBSCRIPTIONS}/"):
                break
            if await self._is_there(path):
                return path
        return ""

    async def _subscribed(self) -> str:
        body: Document = {
            "Destination": self._destination,
            "Protocol": "Redfish",
            "Context": self._context,
            "EventFormatType": "MetricReport",
            "SubscriptionType": "RedfishEvent",
        }
        try:
            return (await self._controller.post(SUBSCRIPTIONS, body)).location
        except NotFound:
            # Older ones choose by type of event.
            old = {key: body[key] for key in ("Destination", "Protocol", "Context")}
            old["EventTypes"] = ["MetricReport"]
            return (await self._controller.post(SUBSCRIPTIONS, old)).location
