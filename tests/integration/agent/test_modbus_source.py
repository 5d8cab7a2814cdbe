"""Goal: meters are read over real Modbus TCP, and one that hangs, refuses or babbles is told and
delays nobody. Method: pymodbus' own server on loopback, and sockets that misbehave."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hexi_agent.domain.physics import Meters
from hexi_agent.mapping.board import Board, BoardOptions
from hexi_agent.mapping.match import RuleBook
from hexi_agent.mapping.rules import shipped
from hexi_agent.mapping.subjects import Subjects
from hexi_agent.sources.listening import ServerTls
from hexi_agent.sources.modbus.options import ModbusOptions
from hexi_agent.sources.modbus.source import ModbusSource, make
from hexi_agent.sources.raw import RawReading
from hexi_agent.testing.collected import Collected, Noted, collecting
from hexi_kit.clock import SystemClock
from hexi_kit.testing.pki import Pki
from pymodbus.server import ModbusTcpServer, ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice

MAPS = {
    "meter": [
        {"name": "facility_energy_wh", "address": 100, "type": "u64", "unit": "W.h"},
        {"name": "facility_power_w", "address": 104, "type": "f32", "unit": "W"},
        {"name": "it_power_w", "address": 300, "type": "u32", "table": "input", "scale": 0.1},
    ],
    "hole": [
        {"name": "facility_power_w", "address": 104, "type": "f32"},
        {"name": "pdu_nothing", "address": 9_000, "type": "u16"},
    ],
}


def device(number: int) -> SimDevice:
    return SimDevice(
        id=number,
        simdata=[
            SimData(100, values=987_654_321_000 + number, datatype=DataType.UINT64),
            SimData(104, values=[412_000.5, 1.0], datatype=DataType.FLOAT32),
            SimData(300, values=[3_500_004], datatype=DataType.UINT32),
        ],
    )


@asynccontextmanager
async def meters(*numbers: int, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a gateway with these units behind it."""
    devices, address = [device(one) for one in numbers], ("127.0.0.1", 0)
    if context is None:
        server = ModbusTcpServer(devices, address=address)
    else:
        server = ModbusTlsServer(devices, address=address, sslctx=context)
    await server.serve_forever(background=True)
    try:
        yield server.transport.sockets[0].getsockname()[1]  # type: ignore[union-attr] # it listens
    finally:
        await server.shutdown()


def source_of(targets: list[dict[str, Any]], **more: Any) -> ModbusSource:
    options = {"maps": MAPS, "period_ms": 100, "timeout_ms": 600, "request_timeout_ms": 200}
    told = [{"host": "127.0.0.1", "map": "meter"} | one for one in targets]
    return make(ModbusOptions.model_validate(options | {"targets": told} | more), SystemClock())


async def some(heard: Collected, subject: str, count: int) -> dict[str, float]:
    """So many readings of a meter; the last of each name."""
    await heard.until(lambda: len(heard.of(subject)) >= count)
    return {one.name: one.value for one in heard.of(subject)}


async def test_units_behind_one_gateway_are_read_and_meet_the_sites_meters() -> None:
    async with meters(1, 2) as port:
        source = source_of([{"subject": f"m{n}", "port": port, "unit": n} for n in (1, 2)])
        async with collecting(source) as heard:
            assert await some(heard, "m1", 6) == {
                "facility_energy_wh": 987_654_321_001.0,
                "facility_power_w": 412_000.5,
                "it_power_w": 350_000.4,
            }
            await some(heard, "m2", 6)

    assert source.findings.counts == {}
    board = Board(
        RuleBook(shipped("meters").rules),
        Subjects({"s0": 0}, []),
        SystemClock().now_ms,
        BoardOptions(1, 10_000),
    )
    now_ms = SystemClock().now_ms()
    # Meters ride with readings of servers.
    board.take([*heard.readings, RawReading("a", "s0", "server_power_w", (), 300, "W", now_ms)])
    sample = board.read(Meters(now_ms - 10_000, 5_000, 5_000), now_ms)
    # Power alone of IT: ten seconds of twice 350 kW on top of where the meter stood.
    found = sample[0].meters
    assert found.facility_ws == (987_654_321_001 + 987_654_321_002) * 3_600
    assert abs(found.it_ws - 5_000 - 7_000_008) < 2_000


async def test_meters_are_read_by_tls_and_only_by_who_shows_a_certificate(tmp_path: Path) -> None:
    pki = Pki(tmp_path)
    served, ours = pki.service("meter"), pki.service("agent")
    context = ServerTls(
        certificate=served.cert_path,
        private_key=served.key_path,
        client_authority=served.ca_path,
    ).context()
    shown = {"certificate": ours.cert_path, "private_key": ours.key_path}
    tls = {"authority": served.ca_path}
    async with meters(1, context=context) as port:
        target = {"subject": "m", "port": port, "host": "localhost"}
        async with collecting(source_of([target], tls=tls | shown)) as heard:
            assert (await some(heard, "m", 6))["facility_power_w"] == 412_000.5
        for stranger in (tls, None):
            source = source_of([target], tls=stranger)
            source.findings = noted = Noted("modbus")
            async with collecting(source) as heard:
                await noted.first()
            assert heard.readings == []


async def test_a_register_that_is_not_there_costs_only_itself() -> None:
    async with meters(1) as port:
        source = source_of([{"subject": "m", "port": port, "map": "hole"}])
        async with collecting(source) as heard:
            assert await some(heard, "m", 3) == {"facility_power_w": 412_000.5}

    assert {kind for _, kind in source.findings.counts} == {"refused"}


async def test_meters_that_hang_babble_or_are_away_delay_nobody() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while asked := await reader.read(64):
            # Its own transaction, and then no end of nonsense.
            writer.write(asked[:2] + b"\x00\x00\x00\x05\x01\x03\xff\x00\x01" + b"\xff" * 300)
        writer.close()

    deaf = await asyncio.start_server(hang, "127.0.0.1", 0)
    mad = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with meters(1) as port:
        ports = {
            "deaf": deaf.sockets[0].getsockname()[1],
            "mad": mad.sockets[0].getsockname()[1],
            "good": port,
            "away": 1,
        }
        source = source_of([{"subject": name, "port": one} for name, one in ports.items()])
        found, silent = source.findings.counts, {str(ports["deaf"]), str(ports["mad"]), "1"}
        async with collecting(source) as heard:
            await some(heard, "good", 30)
            await heard.until(
                lambda: {where.partition(":")[2].partition("/")[0] for where, _ in found} >= silent
            )
    for one in (deaf, mad):
        one.close()
        await one.wait_closed()

    assert {one.subject for one in heard.readings} == {"good"}


async def test_a_meter_that_was_away_is_read_again() -> None:
    async with meters(1) as port:
        source = source_of([{"subject": "m", "port": port}])
        async with collecting(source) as heard:
            await some(heard, "m", 3)
            async with _gone(port):
                pass
            await some(heard, "m", len(heard.readings) + 3)


@asynccontextmanager
async def _gone(port: int) -> AsyncIterator[None]:
    """Every connection to this port is cut by the server's end."""
    server = ModbusTcpServer.active_server
    assert server is not None
    for connection in list(server.active_connections.values()):
        connection.close()
    yield
