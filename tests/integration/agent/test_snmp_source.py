"""Goal: PDUs are read over real SNMP v2c and v3, single objects and columns, and one that is mad or
away delays nobody. Method: snmpsim in a process of its own, and sockets that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hexi_agent.sources.snmp.options import SnmpOptions
from hexi_agent.sources.snmp.source import SnmpSource, make
from hexi_agent.testing.collected import Collected, collecting
from hexi_agent.testing.small_snmp import USER, SmallSnmp
from hexi_kit.clock import SystemClock

pytestmark = [
    pytest.mark.skipif(find_spec("snmpsim") is None, reason="snmpsim is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:pysnmp.smi.compiler"),
]
PDU = "1.3.6.1.4.1.318.1.1.26"
OBJECTS = [
    "1.3.6.1.2.1.1.1.0|4|a rack PDU",
    f"{PDU}.4.3.1.5.1|66|512",
    f"{PDU}.4.3.1.9.1|70|4294967296123",
    *(f"{PDU}.6.3.1.7.{row}|2|{100 + row}" for row in range(1, 43)),
    f"{PDU}.10.2.2.1.8.1|4|21.5",
    f"{PDU}.10.2.2.1.8.2|2|-1",
    f"{PDU}.10.2.2.1.8.3|4|warm",
]
MAP = [
    {"name": "it_power_w", "oid": f"{PDU}.4.3.1.5.1", "scale": 10, "unit": "W"},
    {"name": "it_energy_wh", "oid": f".{PDU}.4.3.1.9.1", "scale": 100},
    {"name": "pdu_missing", "oid": f"{PDU}.4.3.1.5.2"},
    {"name": "pdu_outlet", "oid": f"{PDU}.6.3.1.7", "table": True, "labels": {"of": "outlet"}},
    {"name": "inlet", "oid": f"{PDU}.10.2.2.1.8", "table": True, "invalid": [-1]},
]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallSnmp]:
    small = SmallSnmp(tmp_path_factory.mktemp("snmp"), OBJECTS)
    small.start()
    yield small
    small.stop()


def by_community(agent: SmallSnmp, subject: str, **more: Any) -> dict[str, Any]:
    told = {"subject": subject, "host": "127.0.0.1", "port": agent.port, "map": "pdu"}
    return told | {"community": agent.folder / "c"} | more


def by_user(agent: SmallSnmp, subject: str, **more: Any) -> dict[str, Any]:
    user = {
        "name": USER,
        "hash_key": agent.folder / "hash",
        "cipher": "aes128",
        "cipher_key": agent.folder / "cipher",
        "context": "public",
    }
    target = by_community(agent, subject, user=user | more)
    del target["community"]
    return target


def source_of(*targets: dict[str, Any], **more: Any) -> SnmpSource:
    options = {"maps": {"pdu": MAP}, "targets": targets, "period_ms": 200}
    limits = {"request_timeout_ms": 300, "timeout_ms": 3_000}
    return make(SnmpOptions.model_validate(options | limits | more), SystemClock())


async def some(heard: Collected, subject: str, name: str, count: int) -> list[float]:
    """At least so many values."""
    await heard.until(lambda: len(heard.named(name, subject)) >= count)
    return heard.named(name, subject)


async def test_objects_and_columns_are_read_by_community_and_by_user(agent: SmallSnmp) -> None:
    source = source_of(by_community(agent, "a"), by_user(agent, "b"))

    async with collecting(source) as heard:
        for subject in ("a", "b"):
            assert (await some(heard, subject, "it_power_w", 2))[0] == 5_120.0
            assert (await some(heard, subject, "it_energy_wh", 1))[0] == 429_496_729_612_300.0
            outlets = await some(heard, subject, "pdu_outlet", 42)
            assert outlets[:42] == [100.0 + row for row in range(1, 43)]
            assert set(await some(heard, subject, "inlet", 1)) == {21.5}

    labels = {one.labels for one in heard.readings if one.name == "pdu_outlet"}
    assert (("index", "42"), ("of", "outlet")) in labels
    kinds = {kind for who, kind in source.findings.counts if who == "a"}
    assert {"not-there", "not-a-number"} == kinds - {"no-answer"}


async def test_a_column_ends_at_its_bound(agent: SmallSnmp) -> None:
    source = source_of(by_community(agent, "a"), rows_max=30)

    async with collecting(source) as heard:
        await some(heard, "a", "inlet", 1)

    rows = {one.labels for one in heard.readings if one.name == "pdu_outlet"}
    assert len(rows) == 30


class Mad(asyncio.DatagramProtocol):
    """Answers each datagram with what is no SNMP, or with half of the question."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for answer in (b"", b"\x30", b"\xff" * 40, data, data[: len(data) // 2], b"\x30\x84" * 9):
            self._transport.sendto(answer, addr)  # type: ignore[attr-defined] # it is UDP's


async def test_strangers_and_the_mad_delay_nobody(agent: SmallSnmp, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Mad, local_addr=("127.0.0.1", 0))
    mad_port = transport.get_extra_info("sockname")[1]
    (tmp_path / "wrong").write_text("a wrong secret nobody may see")
    source = source_of(
        by_community(agent, "good"),
        by_community(agent, "mad", port=mad_port),
        by_community(agent, "away", port=9),
        by_community(agent, "stranger", community=tmp_path / "wrong"),
        by_user(agent, "forger", hash_key=tmp_path / "wrong"),
        by_community(agent, "forgetful", community=tmp_path / "nowhere"),
    )

    found = source.findings.counts

    async with collecting(source) as heard:
        await some(heard, "good", "it_power_w", 5)
        await heard.until(
            lambda: (
                {who.partition(" ")[0] for who, kind in found if kind == "no-answer"}
                >= {"mad", "away", "stranger", "forger", "forgetful"}
            )
        )
    transport.close()

    assert {one.subject for one in heard.readings} == {"good"}
