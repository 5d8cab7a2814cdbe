"""The door at which controllers post reports: open to those we know, from where they stand."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import ssl
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aiohttp import web
from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.ids import derive

from hexi_agent.sources.findings import Finding, Findings
from hexi_agent.sources.listening import ServerTls
from hexi_agent.sources.redfish.document import (
    BODY_BYTES_MAX,
    Document,
    link,
    members,
    read_document,
)
from hexi_agent.sources.redfish.options import SECRET_BYTES_MIN, Network, PushOptions
from hexi_agent.sources.redfish.watch import REPORTS, ControllerWatch

BODY_S = 10.0
AT_ONCE_MAX = 64
EVENTS_MAX = 64


class Pushed(NamedTuple):
    """Reports, and paths of reports that are ready to be asked for."""

    reports: list[Document]
    paths: list[str]


def reports_of(document: Document) -> Pushed:
    """A report itself, or events that carry or name reports."""
    if "MetricValues" in document:
        return Pushed([document], [])
    pushed = Pushed([], [])
    for event, _ in zip(members(document, "Events"), range(EVENTS_MAX), strict=False):
        report = event.get("MetricReport")
        origin = event.get("OriginOfCondition")
        path = link(origin.get("@odata.id") if isinstance(origin, dict) else origin)
        if isinstance(report, dict) and "MetricValues" in report:
            pushed.reports.append(report)
        elif path.startswith("/redfish/v1" + REPORTS) and ".." not in path:
            pushed.paths.append(path)
    return pushed


@dataclass(slots=True)
class Sender:
    """Who may post here: by the secret part of the path and from one of these networks."""

    watch: ControllerWatch
    id: str
    secret: str
    networks: Collection[Network]


class PushDoor:
    """Without a certificate it listens on this machine only; options see to that."""

    def __init__(self, options: PushOptions, findings: Findings) -> None:
        self._options, self._findings = options, findings
        self._secret = _read_secret(options.secret)
        self._senders: dict[str, Sender] = {}
        self._runner: web.AppRunner | None = None
        self._busy = 0
        self.url = ""

    def admit(self, watch: ControllerWatch, name: str, networks: Iterable[Network]) -> str:
        """The address at which this controller posts."""
        id_ = derive("redfish", name)
        secret = hmac.digest(self._secret, name.encode(), "sha256").hex()
        self._senders[id_] = Sender(watch, id_, secret, tuple(networks))
        return f"{self.url.rstrip('/')}/redfish-events/{id_}/{secret}"

    async def open(self) -> None:
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/redfish-events/{id}/{secret}", self._receive)
        # No controller packs its reports, and the library unpacks without a bound.
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False)
        await self._runner.setup()
        options = self._options
        site = web.TCPSite(self._runner, options.listen, options.port, ssl_context=self._tls())
        await site.start()
        host, port = self._runner.addresses[0][:2]
        here = f"{'https' if options.certificate else 'http'}://{host}:{port}"
        self.url = options.url or here

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _tls(self) -> ssl.SSLContext | None:
        certificate, private_key = self._options.certificate, self._options.private_key
        if certificate is None or private_key is None:
            return None
        return ServerTls(certificate=certificate, private_key=private_key).context()

    async def _receive(self, request: web.Request) -> web.Response:
        sender = self._senders.get(request.match_info["id"])
        if sender is None or not self._is_theirs(request, sender):
            # Not told apart: whoever asks learns nothing of who may.
            return web.Response(status=404)
        if self._busy >= AT_ONCE_MAX:
            return web.Response(status=503, headers={"Retry-After": "1"})
        self._busy += 1
        try:
            async with asyncio.timeout(BODY_S):
                body = await request.read()
        except TimeoutError:
            return web.Response(status=408)
        finally:
            self._busy -= 1
        return self._take(body, sender)

    def _take(self, body: bytes, sender: Sender) -> web.Response:
        name = sender.watch.controller.name
        document = read_document(body, "pushed")
        if isinstance(document, Finding):
            self._findings.note(name, [document])
            return web.Response(status=400, text=f"{document.kind}: {document.reason}")
        pushed = reports_of(document)
        sender.watch.take_pushed(pushed.reports, pushed.paths)
        return web.Response(status=204)

    def _is_theirs(self, request: web.Request, sender: Sender) -> bool:
        name = sender.watch.controller.name
        if not hmac.compare_digest(request.match_info["secret"].encode(), sender.secret.encode()):
            self._findings.note(name, [Finding("push-forged", name, "a wrong secret")])
            return False
        address = ipaddress.ip_address((request.remote or "::").partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if not any(address in network for network in sender.networks):
            self._findings.note(name, [Finding("push-forged", name, f"from {address}")])
            return False
        return True


def _read_secret(path: Path) -> bytes:
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise InvalidArgument([Violation("push.secret", f"{path}: {error.strerror}")]) from error
    if len(secret) < SECRET_BYTES_MIN:
        reason = f"{path}: expected at least {SECRET_BYTES_MIN} bytes"
        raise InvalidArgument([Violation("push.secret", reason)])
    return secret
