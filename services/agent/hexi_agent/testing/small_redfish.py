"""A baseboard controller that answers HTTP as real ones do: sessions, expansion, subscriptions."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from io import IOBase
from itertools import count
from typing import Any

import aiohttp
from aiohttp import web

Tree = dict[str, dict[str, Any]]
ROOT = "/redfish/v1"
USERNAME, PASSWORD = "reader", "correct horse"
SESSIONS, SUBSCRIPTIONS = "/SessionService/Sessions", "/EventService/Subscriptions"


def small_tree(power_w: float = 400.0, sensors: int = 3) -> Tree:
    """One chassis with power and temperatures, and one report."""
    chassis = f"{ROOT}/Chassis/1"
    ids = [f"Inlet{number}" for number in range(sensors)]
    tree: Tree = {
        "": {"@odata.type": "#ServiceRoot.v1_15_0.ServiceRoot"}
        | _links(ROOT, "Chassis", "TelemetryService")
        | {"ProtocolFeaturesSupported": {"ExpandQuery": {"NoLinks": True}}},
        "/Chassis": _collection("Chassis", [chassis]),
        "/Chassis/1": {"@odata.type": "#Chassis.v1_2_0.Chassis"}
        | _links(chassis, "Sensors", "Power"),
        "/Chassis/1/Power": {
            "@odata.type": "#Power.v1_7_1.Power",
            "PowerControl": [{"MemberId": "0", "PowerConsumedWatts": power_w}],
        },
        "/Chassis/1/Sensors": _collection("Sensor", [f"{chassis}/Sensors/{one}" for one in ids]),
        "/TelemetryService": {"@odata.type": "#TelemetryService.v1_0_0.TelemetryService"}
        | _links(f"{ROOT}/TelemetryService", "MetricReports"),
        "/TelemetryService/MetricReports": _collection(
            "MetricReport", [f"{ROOT}/TelemetryService/MetricReports/CPU"]
        ),
        "/TelemetryService/MetricReports/CPU": report(12.5),
    }
    for number, id_ in enumerate(ids):
        tree[f"/Chassis/1/Sensors/{id_}"] = {
            "@odata.type": "#Sensor.v1_6_0.Sensor",
            "PhysicalContext": "Intake",
            "Reading": 20.0 + number,
            "ReadingUnits": "Cel",
        }
    return tree


def report(percent: float, at: str = "") -> dict[str, Any]:
    value = {"MetricId": "CPUUtil", "MetricValue": str(percent), "Timestamp": at}
    return {"@odata.type": "#MetricReport.v1_0_0.MetricReport", "MetricValues": [value]}


class SmallRedfish:
    """`hangs` and `breaks` are paths below the root that never answer, or answer 500."""

    def __init__(self, tree: Mapping[str, Any], login: bool = True) -> None:
        self.tree: Tree = {path.rstrip("/"): dict(document) for path, document in tree.items()}
        self.login, self.url = login, ""
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.hangs: set[str] = set()
        self.breaks: set[str] = set()
        self.tokens: set[str] = set()
        self.date = ""
        self.logins = 0
        self._numbers = count(1)
        self._ended = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        app = web.Application()
        app.router.add_route("*", "/redfish/v1{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls).start()
        port = self._runner.addresses[0][1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"

    async def stop(self) -> None:
        self._ended.set()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def subscriptions(self) -> list[dict[str, Any]]:
        return [one for path, one in self.tree.items() if path.startswith(f"{SUBSCRIPTIONS}/")]

    async def push(self, body: object, to: str = "") -> int:
        """To the first who subscribed; what it answered."""
        data = body if isinstance(body, (bytes, IOBase)) else json.dumps(body).encode()
        where = to or self.subscriptions[0]["Destination"]
        async with aiohttp.ClientSession() as http, http.post(where, data=data) as answer:
            return answer.status

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"].rstrip("/")
        self.asked.append(f"{request.method} {path}")
        self.headers.append(request.headers)
        if path in self.hangs:
            await self._ended.wait()
        if path in self.breaks:
            return web.Response(status=500, text="<html>panic</html>")
        if path == SESSIONS and request.method == "POST":
            return await self._log_in(request)
        if self.login and request.headers.get("X-Auth-Token", "") not in self.tokens:
            return web.Response(status=401)
        return await self._let_in(request, path)

    async def _let_in(self, request: web.Request, path: str) -> web.Response:
        if request.method == "POST" and path == SUBSCRIPTIONS:
            made = f"{SUBSCRIPTIONS}/{next(self._numbers)}"
            self.tree[made] = await request.json()
            return web.Response(status=201, headers={"Location": ROOT + made})
        if request.method == "DELETE":
            self.tokens.discard(request.headers.get("X-Auth-Token", ""))
            return web.Response(status=204 if self.tree.pop(path, None) else 404)
        if path == SUBSCRIPTIONS:
            paths = [ROOT + one for one in self.tree if one.startswith(f"{SUBSCRIPTIONS}/")]
            return self._json(_collection("EventDestination", paths))
        found = self.tree.get(path)
        if found is None:
            return web.Response(status=404)
        document: dict[str, Any] = {"@odata.id": ROOT + path} | found
        if "$expand" in request.query and "Members" in found:
            paths = [one["@odata.id"] for one in found["Members"]]
            told = [{"@odata.id": one} | self.tree.get(one[len(ROOT) :], {}) for one in paths]
            document["Members"] = told
        return self._json(document)

    async def _log_in(self, request: web.Request) -> web.Response:
        self.logins += 1
        told = await request.json()
        if (told.get("UserName"), told.get("Password")) != (USERNAME, PASSWORD):
            return web.Response(status=401)
        number = next(self._numbers)
        token = f"token-{number}"
        self.tokens.add(token)
        where = f"{ROOT}{SESSIONS}/{number}"
        self.tree[f"{SESSIONS}/{number}"] = {"Id": str(number)}
        return web.json_response({}, status=201, headers={"X-Auth-Token": token, "Location": where})

    def _json(self, document: object) -> web.Response:
        headers = {"Date": self.date} if self.date else None
        return web.json_response(document, headers=headers)


def _collection(kind: str, paths: list[str]) -> dict[str, Any]:
    members = [{"@odata.id": path} for path in paths]
    return {"@odata.type": f"#{kind}Collection.{kind}Collection", "Members": members}


def _links(start: str, *names: str) -> dict[str, Any]:
    return {name: {"@odata.id": f"{start}/{name}"} for name in names}
