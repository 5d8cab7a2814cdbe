"""Goal: controllers are read by polling and by pushing over real HTTP(S), and one that hangs, lies
or refuses delays nobody. Method: small controllers on loopback, and DMTF's mockup where it is."""

from __future__ import annotations

import json
import os
import ssl
import tarfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hexi_agent.discovery.census import Census
from hexi_agent.mapping.match import RuleBook
from hexi_agent.mapping.rules import shipped
from hexi_agent.mapping.subjects import Subjects
from hexi_agent.sources.listening import ServerTls
from hexi_agent.sources.redfish.options import Credentials, RedfishOptions
from hexi_agent.sources.redfish.source import RedfishSource, make
from hexi_agent.testing.collected import Collected, Noted, collecting
from hexi_agent.testing.small_redfish import PASSWORD, USERNAME, SmallRedfish, report, small_tree
from hexi_kit.clock import SystemClock
from hexi_kit.testing.pki import Pki

BESIDE = Path(__file__).resolve().parents[4] / "shared" / "data"
MOCKUP = Path(os.environ.get("HEXI_DATA", BESIDE)) / "redfish" / "mockup_public_rackmount1.tar.gz"
POWER = "Power/PowerControl/PowerConsumedWatts"


@pytest.fixture
async def controllers() -> AsyncIterator[Callable[..., Any]]:
    async with AsyncExitStack() as stack:

        async def start(tree: dict[str, Any], **more: Any) -> SmallRedfish:
            tls = more.pop("tls", None)
            small = SmallRedfish(tree, **more)
            await small.start(tls)
            stack.push_async_callback(small.stop)
            return small

        yield start


def credentials(folder: Path, password: str = PASSWORD) -> Path:
    path = folder / "redfish.yaml"
    path.write_text(json.dumps({"username": USERNAME, "password": password}))
    return path


def source_of(folder: Path, smalls: Sequence[SmallRedfish], **more: Any) -> RedfishSource:
    targets = [{"url": one.url, "server": f"s{number}"} for number, one in enumerate(smalls)]
    options = {
        "targets": targets,
        "period_ms": 100,
        "timeout_ms": 2_000,
        "request_timeout_ms": 1_000,
    }
    if "credentials" not in more:
        options["credentials"] = credentials(folder)
    return make(RedfishOptions.model_validate(options | more), SystemClock())


def power(heard: Collected, subject: str = "s0") -> list[float]:
    return heard.named(POWER, subject)


async def some_power(heard: Collected) -> None:
    await heard.until(lambda: bool(power(heard)))


async def test_a_controller_is_found_out_and_then_asked_again_and_again(
    tmp_path: Path, controllers: Callable[..., Any]
) -> None:
    small = await controllers(small_tree(power_w=431.0))
    source = source_of(tmp_path, [small])

    async with collecting(source) as heard:
        await heard.until(lambda: len(power(heard)) >= 3)

    assert set(power(heard)) == {431.0}
    assert heard.named("Sensor/Temperature", "s0")[:3] == [20.0, 21.0, 22.0]
    assert heard.named("MetricReport/CPUUtil", "s0")[0] == 12.5
    assert source.findings.counts == {}
    # Sensors come in one answer, and nobody asks the root twice.
    assert "GET /Chassis/1/Sensors/Inlet0" not in small.asked
    assert small.asked.count("GET ") == 1
    # One session, given back at the end.
    assert small.logins == 1
    assert not small.tokens


async def test_a_controller_that_hangs_delays_nobody(
    tmp_path: Path, controllers: Callable[..., Any]
) -> None:
    smalls = [await controllers(small_tree(number)) for number in range(6)]
    for deaf in smalls[:4]:
        deaf.hangs.add("")
    source = source_of(tmp_path, smalls, concurrency=4, timeout_ms=200, request_timeout_ms=150)

    async with collecting(source) as heard:
        await heard.until(lambda: min(len(power(heard, "s4")), len(power(heard, "s5"))) >= 10)
        for deaf in smalls[:4]:
            deaf.hangs.clear()
        await heard.until(lambda: all(power(heard, f"s{number}") for number in range(4)))

    assert source.findings.counts[(smalls[0].url, "no-answer")] >= 1


async def test_a_resource_that_hangs_or_breaks_costs_only_itself(
    tmp_path: Path, controllers: Callable[..., Any]
) -> None:
    tree = small_tree()
    del tree[""]["ProtocolFeaturesSupported"]
    small = await controllers(tree)
    small.hangs.add("/Chassis/1/Sensors/Inlet0")
    small.breaks.add("/Chassis/1/Sensors/Inlet1")
    del small.tree["/Chassis/1/Sensors/Inlet2"]
    source = source_of(tmp_path, [small], timeout_ms=400, request_timeout_ms=100)

    async with collecting(source) as heard:
        await heard.until(lambda: len(heard.named("MetricReport/CPUUtil", "s0")) >= 4)

    assert small.asked.count("GET /Chassis/1/Sensors/Inlet0") == 1
    assert small.asked.count("GET /Chassis/1/Sensors/Inlet1") >= 3
    kinds = {kind for _, kind in source.findings.counts}
    assert {"no-answer", "server-error", "not-there"} <= kinds


async def test_a_wrong_password_is_tried_once_and_never_told(
    tmp_path: Path, controllers: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    small = await controllers(small_tree())
    secret = "a wrong one that nobody may see"
    source = source_of(tmp_path, [small], credentials=credentials(tmp_path, secret))
    source.findings = noted = Noted(source.name)

    async with collecting(source) as heard:
        await noted.first()

    assert small.logins == 1
    assert not heard.readings
    said = capsys.readouterr()
    assert secret not in said.out + said.err + repr(source.findings.counts)
    assert secret not in repr(Credentials(username=USERNAME, password=secret))


async def test_an_expired_session_is_begun_anew(
    tmp_path: Path, controllers: Callable[..., Any]
) -> None:
    small = await controllers(small_tree())
    source = source_of(tmp_path, [small])

    async with collecting(source) as heard:
        await some_power(heard)
        small.tokens.clear()
        seen = len(power(heard))
        await heard.until(lambda: len(power(heard)) > seen + 1)

    assert small.logins == 2
    assert source.findings.counts == {}


async def test_only_a_trusted_certificate_is_spoken_to(
    tmp_path: Path, controllers: Callable[..., Any]
) -> None:
    identity = Pki(tmp_path / "pki").service("bmc")
    tls = ServerTls(certificate=identity.cert_path, private_key=identity.key_path).context()
    small = await controllers(small_tree(), tls=tls)
    der = ssl.PEM_cert_to_DER_cert(identity.cert_path.read_text())
    pinned = {"url": small.url, "server": "s0", "fingerprint": sha256(der).hexdigest()}
    strange = source_of(tmp_path, [small])
    strange.findings = noted = Noted(strange.name)

    async with collecting(strange):
        await noted.first()
    assert not small.asked

    for more in ({"authority": identity.ca_path}, {"targets": [pinned]}):
        async with collecting(source_of(tmp_path, [small], **more)) as trusted:
            await some_power(trusted)


async def test_reports_that_are_pushed_are_taken_and_no_longer_asked_for(
    tmp_path: Path, controllers: Callable[..., Any]
) -> None:
    small = await controllers(small_tree())
    secret = tmp_path / "secret"
    secret.write_text("sixteen bytes or more")
    source = source_of(tmp_path, [small], push={"secret": secret, "renew_s": 1})

    async with collecting(source) as heard:
        await some_power(heard)
        (subscription,) = small.subscriptions
        assert await small.push(report(77.0)) == 204
        assert 77.0 in heard.named("MetricReport/CPUUtil", "s0")
        # An event that only names a report has it asked for.
        small.tree["/TelemetryService/MetricReports/Other"] = report(55.0)
        origin = {"@odata.id": "/redfish/v1/TelemetryService/MetricReports/Other"}
        assert await small.push({"Events": [{"OriginOfCondition": origin}]}) == 204
        await heard.until(lambda: 55.0 in heard.named("MetricReport/CPUUtil", "s0"))
        small.asked.clear()
        seen = len(power(heard))
        await heard.until(lambda: len(power(heard)) > seen + 2)
        assert "GET /TelemetryService/MetricReports/CPU" not in small.asked
        # The controller forgot us: the promise is renewed.
        small.tree = {p: d for p, d in small.tree.items() if "Subscriptions" not in p}
        await heard.until(lambda: bool(small.subscriptions))
    assert small.subscriptions == [subscription]

    async with collecting(source_of(tmp_path, [small], push={"secret": secret})) as again:
        await some_power(again)
    # Another life of the agent listens elsewhere: the old promise is taken back.
    assert len(small.subscriptions) == 1


async def test_what_strangers_push_is_refused(
    tmp_path: Path, controllers: Callable[..., Any]
) -> None:
    small = await controllers(small_tree())
    secret = tmp_path / "secret"
    secret.write_text("sixteen bytes or more")
    source = source_of(tmp_path, [small], push={"secret": secret})

    async with collecting(source) as heard:
        await some_power(heard)
        there = small.subscriptions[0]["Destination"]
        other = there[:-4] + ("0000" if there[-4:] != "0000" else "1111")
        assert await small.push(report(66.0), other) == 404
        assert await small.push(report(66.0), there.replace("/redfish-events/", "/re/")) == 404
        assert await small.push(b"not json", there) == 400
        assert await small.push(BytesIO(b" " * (5 * 1024**2)), there) == 413
    assert 66.0 not in heard.named("MetricReport/CPUUtil", "s0")

    elsewhere = {"url": small.url, "server": "s0", "pushes_from": ["192.0.2.0/24"]}
    source = source_of(tmp_path, [small], targets=[elsewhere], push={"secret": secret})
    async with collecting(source) as heard:
        await heard.until(lambda: small.subscriptions[0]["Destination"] != there)
        assert await small.push(report(66.0)) == 404
    assert source.findings.counts[(small.url, "push-forged")] == 1


async def test_the_clock_of_a_controller_is_put_right(
    tmp_path: Path, controllers: Callable[..., Any]
) -> None:
    tree = small_tree()
    tree["/TelemetryService/MetricReports/CPU"] = report(9.0, "1970-01-01T00:10:00Z")
    small = await controllers(tree)
    small.date = "Thu, 01 Jan 1970 00:10:00 GMT"
    source = source_of(tmp_path, [small])
    began_ms = SystemClock().now_ms()

    async with collecting(source) as heard:
        await heard.until(lambda: bool(heard.named("MetricReport/CPUUtil", "s0")))

    (at_ms,) = {r.at_ms for r in heard.readings if r.name == "MetricReport/CPUUtil"} - {0}
    assert abs(at_ms - began_ms) < 60_000


@pytest.mark.skipif(not MOCKUP.exists(), reason="the mockup is not here: set HEXI_DATA")
async def test_the_mockup_of_dmtf_is_found_out_and_mapped(
    tmp_path: Path, controllers: Callable[..., Any]
) -> None:
    small = await controllers(mockup(), login=False)
    source = source_of(tmp_path, [small], credentials=None)
    book = RuleBook(shipped("redfish").rules)

    async with collecting(source) as heard:
        await heard.until(lambda: len(power(heard)) >= 2)

    mapped: dict[str, tuple[int, float]] = {}  # of each metric: its first rule, and a value of it
    for one in heard.readings:
        for feed in book.match(one.name, one.labels, one.unit).feeds[:1]:
            metric = book.rules[feed.rule].metric
            seen = (feed.rule, one.value)
            mapped[metric] = min(mapped.get(metric, seen), seen)
    assert {metric: value for metric, (_, value) in mapped.items()} == {
        "power_w": 344,
        "inlet_temperature_c": 24.8,
        "outlet_temperature_c": 40.5,
        "cpu_temperature_c": 37,
        "accelerator_temperature_c": 41,
        "accelerator_power_w": 82,
        "accelerator_utilisation": 62,
        "fan_speed_rpm": 1900,
    }
    census = Census([shipped("redfish")], Subjects({}, []))
    census.take(heard.readings)
    (server,) = census.servers()
    assert server.facts == {"cpu_milli": 16_000, "memory_mib": 98_304, "model": "3500"}


def mockup() -> dict[str, Any]:
    """What it says of each path below the root."""
    tree: dict[str, Any] = {}
    with tarfile.open(MOCKUP) as tar:
        for one in tar:
            file = tar.extractfile(one) if one.name.endswith("/index.json") else None
            if file is not None:
                path = "/" + one.name.partition("public-rackmount1/")[2]
                tree[path.removesuffix("/index.json")] = json.load(file)
    return tree
