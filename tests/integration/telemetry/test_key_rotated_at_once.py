"""Goal: an operator changes the key of a running agent, and not a frame is lost or refused. Method:
the agent's process and its command beside it, on the real telemetry service."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
import yaml
from hexi.telemetry.v1 import telemetry_pb2
from hexi_agent.fleet import make_server_set
from hexi_contracts.topics import TELEMETRY_FRAME, TELEMETRY_GAP, TELEMETRY_KEY
from hexi_kit.clock import SystemClock
from hexi_kit.signing import sm3

pytestmark = pytest.mark.integration

SERVERS = 40


def write_config(world, folder: Path) -> Path:
    """Of a site whose server set an earlier life has published as revision 1."""
    state = folder / "state"
    state.mkdir()
    servers = make_server_set(world.site, SERVERS, seed=1, host_server=False)
    content = sm3(servers.SerializeToString(deterministic=True)).hex()
    (state / "server_set.json").write_text(json.dumps({"content": content, "revision": 1}))
    config = {
        "site_id": world.site,
        "identity": world.pki.identity(world.agent).cert_path.parent.name,
        "state_dir": str(state),
        "period_ms": 200,
        "fleet": {"servers": SERVERS},
    }
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


async def start(world, *arguments: str) -> asyncio.subprocess.Process:
    pki = world.pki.identity(world.agent).cert_path.parent.parent
    environment = {
        **os.environ,
        "HEXI_TELEMETRY_ADDRESS": world.address,
        "HEXI_INVENTORY_ADDRESS": "127.0.0.1:1",
        "HEXI_SCHEDULER_ADDRESS": "127.0.0.1:1",
        "HEXI_PKI_DIR": str(pki),
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "hexi_agent.main", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def told(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def test_a_key_is_changed_beside_a_running_agent(world, tmp_path: Path) -> None:
    config = str(write_config(world, tmp_path))
    await world.publish_site()
    await world.start()
    agent = await start(world, "run", "--config", config)
    await world.until_site_has(TELEMETRY_KEY, 1)

    code, said = await told(await start(world, "rotate-key", "--config", config))
    statements = [
        telemetry_pb2.KeyStatement.FromString(one.statement)
        for one in await world.until_site_has(TELEMETRY_KEY, 2)
    ]
    turn = statements[1].from_sequence
    async with asyncio.timeout(60):
        # Telemetry may not have heard of the server set yet when it is asked first.
        while agent.returncode is None:
            frames = await world.of_site(TELEMETRY_FRAME)
            if len(frames) > turn + 2:
                break
            await SystemClock().sleep(0.1)
    agent.terminate()
    assert await told(agent) == (0, "")

    assert code == 0
    assert said.split()[-5:] == ["signs", "from", "number", str(turn), "on"]
    keys = [one.key_id for one in frames]
    assert len(set(keys[: turn - 1])) == len(set(keys[turn - 1 :])) == 1
    assert keys[turn - 2] != keys[turn - 1] == said.split()[0]
    numbers = [telemetry_pb2.Frame.FromString(one.frame).sequence for one in frames]
    assert numbers == list(range(1, len(frames) + 1))
    assert await world.of_site(TELEMETRY_GAP) == []


async def test_a_key_is_asked_for_while_no_agent_runs(world, tmp_path: Path) -> None:
    config = str(write_config(world, tmp_path))

    code, said = await told(await start(world, "rotate-key", "--config", config, "--timeout", "0"))

    assert (code, said.split()[:2]) == (1, ["asked", "for;"])
    assert (tmp_path / "state" / "rotate_key").exists()
