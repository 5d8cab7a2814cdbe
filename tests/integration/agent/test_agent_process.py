"""Goal: the process starts, measures and ends well with every service away. Method: the process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from hexi.inventory.v1 import inventory_pb2
from hexi.telemetry.v1 import telemetry_pb2
from hexi_agent.fleet import make_server_set
from hexi_agent.hosts import Host, server_set_of_hosts, write_hosts
from hexi_agent.spool import highest_sequences, open_stream, pending
from hexi_agent.testing.small_exporter import exporter, text_page
from hexi_kit.clock import SystemClock
from hexi_kit.identity import Principal
from hexi_kit.signing import sm3
from hexi_kit.testing.pki import Pki

AGENT = Principal("agent", "1", "lanzhou")
RECORDING = "time,name,Power\n0,a,100\n0,b,200\n"


async def start(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    away = {f"HEXI_{name}_ADDRESS": "127.0.0.1:1" for name in ("INVENTORY", "TELEMETRY")}
    environment = {**os.environ, **away, "HEXI_SCHEDULER_ADDRESS": "127.0.0.1:1"}
    environment |= {"HEXI_PKI_DIR": str(folder / "pki"), "HEXI_CLOCK": "scaled:0:0:100"}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "hexi_agent.main", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def write_config(folder: Path, **changes: object) -> Path:
    identity = Pki(folder / "pki").identity(AGENT).cert_path.parent.name
    config = {
        "site_id": "lanzhou",
        "identity": identity,
        "state_dir": str(folder / "state"),
        "period_ms": 1_000,
        "fleet": {"servers": 40},
        "executors": ["fleet"],
    }
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(config | changes))
    return path


def remember(folder: Path, servers: inventory_pb2.ServerSet) -> None:
    """As an earlier life that had spoken to the inventory left it."""
    content = sm3(servers.SerializeToString(deterministic=True)).hex()
    (folder / "state").mkdir()
    kept = {"content": content, "revision": 3}
    (folder / "state" / "server_set.json").write_text(json.dumps(kept))


async def measured(folder: Path, config: Path) -> None:
    """Starts it, waits for frames on disk, ends it."""
    process = await start(folder, "--config", str(config))
    clock = SystemClock()
    try:
        async with asyncio.timeout(60):
            while sum(highest_sequences(folder / "state").values()) < 3:
                assert process.returncode is None, (await process.communicate())[1].decode()
                await clock.sleep(0.05)
        began_s = clock.real_monotonic_s()
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert process.returncode == 0
    assert clock.real_monotonic_s() - began_s < 10
    assert pending(folder / "state") == sum(highest_sequences(folder / "state").values())


async def test_it_measures_while_every_service_is_away(tmp_path: Path) -> None:
    remember(tmp_path, make_server_set("lanzhou", 41, seed=1, host_server=True))

    await measured(tmp_path, write_config(tmp_path, host=True, executors=["fleet", "host"]))


@pytest.mark.parametrize("executor", ["slurm", "kubernetes"])
async def test_it_measures_while_its_cluster_is_away(tmp_path: Path, executor: str) -> None:
    away = {
        "slurm": {"work_dir": str(tmp_path / "shared"), "bin_dir": "/nowhere"},
        "kubernetes": {"kubeconfig": str(tmp_path / "nothing")},
    }
    config = write_config(tmp_path, executors=[executor], **{executor: away[executor]})
    remember(tmp_path, make_server_set("lanzhou", 40, seed=1, host_server=False))

    await measured(tmp_path, config)


async def test_it_plays_a_recording_of_described_servers(tmp_path: Path) -> None:
    servers = make_server_set("lanzhou", 2, seed=1, host_server=False)
    remember(tmp_path, servers)
    (tmp_path / "servers.json").write_text(json_format.MessageToJson(servers))
    (tmp_path / "recording.csv").write_text(RECORDING)
    mapping = {"time_column": "time", "server_column": "name", "columns": {"power_w": "Power"}}
    changes = {
        "fleet": {"servers": 0},
        "servers": str(tmp_path / "servers.json"),
        "replay": {"path": str(tmp_path / "recording.csv"), "mapping": mapping},
    }

    await measured(tmp_path, write_config(tmp_path, **changes))


PAGE = "".join(
    f'hw_host_power_watts{{server="{name}"}} {watts}\n'
    for name, watts in (("n1", 210), ("n2", 350))
)


async def test_it_measures_what_an_exporter_tells(tmp_path: Path) -> None:
    hosts = [Host(name, "r1", "m", 1_000, 1, "", 0, 700) for name in ("n0", "n1", "n2")]
    write_hosts(tmp_path / "hosts.csv", hosts)
    remember(tmp_path, server_set_of_hosts("lanzhou", hosts))
    async with exporter({"/metrics": text_page(PAGE)}) as url:
        source = {
            "kind": "openmetrics",
            "period_ms": 1_000,
            "server_label": "server",
            "targets": [f"{url}/metrics"],
        }
        changes = {
            "fleet": {"servers": 0},
            "executors": [],
            "hosts": str(tmp_path / "hosts.csv"),
            "sources": [source],
        }

        await measured(tmp_path, write_config(tmp_path, **changes))

    stream = open_stream(tmp_path / "state", ("lanzhou", "1"), 0)
    frame = telemetry_pb2.Frame.FromString(stream.spool.read(0, 1)[0].frame)
    assert [column.metric for column in frame.columns] == [telemetry_pb2.METRIC_POWER_W]
    assert frame.quality == bytes([0b110])


async def test_validate_shows_the_settings_and_runs_nothing(tmp_path: Path) -> None:
    process = await start(tmp_path, "--config", str(write_config(tmp_path)), "--validate")
    shown, _ = await process.communicate()

    assert process.returncode == 0
    assert json.loads(shown)["telemetry_address"] == "127.0.0.1:1"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"site_id": "a b"}, "site_id"),
        ({"identity": "nobody"}, "nobody"),
        ({"fleet": {}}, "fleet.servers"),
    ],
)
async def test_what_can_not_work_is_said_and_ends_with_2(
    changes: dict[str, object], said: str, tmp_path: Path
) -> None:
    process = await start(tmp_path, "--config", str(write_config(tmp_path, **changes)))
    async with asyncio.timeout(60):
        _, errors = await process.communicate()

    assert process.returncode == 2
    assert said in errors.decode()
    assert "Traceback" not in errors.decode()
