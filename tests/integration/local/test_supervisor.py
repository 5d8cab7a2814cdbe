"""Goal: what is started is kept, and what is stopped is gone. Method: small real processes,
real signals, and a look at the process table afterwards."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
import yaml
from hexi_local import EmbeddedKafka, EmbeddedPostgres, LocalHexi, LocalOptions
from hexi_local.child import ChildFailed
from hexi_local.process import ProcessName
from hexi_local.state import StateInUse

pytestmark = pytest.mark.integration

LANTERN = "tests.integration.local.lantern"
NAMES = ("inventory", "telemetry")


@pytest.fixture
def options(tmp_path: Path, kafka: EmbeddedKafka, postgres: EmbeddedPostgres) -> LocalOptions:
    """Two lanterns, the second needing the first, on servers that run already."""
    listed = [
        {
            "name": "inventory",
            "module": LANTERN,
            "arguments": ["inventory"],
            "address": "inventory",
        },
        {
            "name": "telemetry",
            "module": LANTERN,
            "arguments": ["telemetry"],
            "needs": ["inventory"],
            "database": True,
        },
    ]
    manifest = tmp_path / "services.yaml"
    manifest.write_text(yaml.safe_dump({"processes": listed, "profiles": {"all": list(NAMES)}}))
    state = tmp_path / "state"
    state.mkdir()
    # The running broker trusts its own authority alone: share it.
    (state / "pki").symlink_to(kafka.supervisor.ca_path.parent)
    return LocalOptions(
        state_dir=state,
        manifest=manifest,
        kafka_bootstrap=kafka.bootstrap,
        postgres_dsn=postgres.dsn(),
    )


def with_mood(options: LocalOptions, moods: Mapping[str, str]) -> LocalOptions:
    environments = {name: {"LANTERN": mood} for name, mood in moods.items()}
    return LocalOptions(
        state_dir=options.state_dir,
        manifest=options.manifest,
        kafka_bootstrap=options.kafka_bootstrap,
        postgres_dsn=options.postgres_dsn,
        environments=environments,
    )


def named(pids: Mapping[str, int]) -> list[ProcessName]:
    found = [ProcessName.of(pid) for pid in pids.values()]
    assert None not in found
    return [name for name in found if name is not None]


async def test_all_is_ready_inside_and_gone_outside(options: LocalOptions) -> None:
    async with LocalHexi(options) as hexi:
        running = named(hexi.pids)
        written = json.loads((options.state_dir / "run.json").read_text())

        assert set(hexi.pids) == set(NAMES)
        assert written["addresses"] == dict(hexi.addresses)
        assert hexi.dsn("telemetry").startswith("postgresql://hexi_telemetry:")

    assert not any(name.is_running() for name in running)
    assert not (options.state_dir / "run.json").exists()


async def test_a_killed_process_comes_back_at_the_same_address(options: LocalOptions) -> None:
    async with LocalHexi(options) as hexi:
        before = hexi.pids["inventory"]

        hexi.kill("inventory")
        async with asyncio.timeout(30):
            await hexi.until_ready("inventory", restarts_min=1)

        assert hexi.pids["inventory"] != before
        assert hexi.restarts == {"inventory": 1, "telemetry": 0}


async def test_a_process_that_cannot_start_is_told_with_its_last_words(
    options: LocalOptions,
) -> None:
    broken = with_mood(options, {"telemetry": "broken"})

    with pytest.raises(ChildFailed, match="the wick is wet"):
        async with LocalHexi(broken):
            pass

    assert not leftovers(options)


async def test_one_that_does_not_hear_is_killed_with_its_children(options: LocalOptions) -> None:
    async with LocalHexi(with_mood(options, {"telemetry": "deaf"})) as hexi:
        parent = psutil.Process(hexi.pids["telemetry"])
        family = [ProcessName.of(one.pid) for one in [parent, *parent.children(recursive=True)]]

    assert len(family) == 2
    assert not any(name.is_running() for name in family if name is not None)


async def test_a_second_supervisor_is_refused(options: LocalOptions) -> None:
    async with LocalHexi(options) as hexi:
        with pytest.raises(StateInUse):
            await LocalHexi(options).start()

        assert set(hexi.pids) == set(NAMES)


def leftovers(options: LocalOptions) -> list[int]:
    """Processes of this state directory that run now."""
    mark = str(options.state_dir.resolve())
    return [one.pid for one in psutil.process_iter() if environment(one) == mark]


def environment(process: psutil.Process) -> str:
    try:
        own = process.environ()
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return ""
    return own.get("HEXI_STATE_DIR", "") if "HEXI_LISTEN" in own else ""


@pytest.fixture
def killed_supervisor(options: LocalOptions) -> Iterator[ProcessName]:
    """A supervisor ended by SIGKILL, and a process that it is on record to have started."""
    survivor = subprocess.Popen(["sleep", "600"], start_new_session=True)
    name = ProcessName.of(survivor.pid)
    assert name is not None
    listed = [{"name": "survivor", **name.plain(), "state": "ready", "restarts": 0}]
    gone = {"pid": 1, "started": "an earlier boot"}
    ledger = {"supervisor": gone, "ready": True, "processes": listed}
    (options.state_dir / "processes.json").write_text(json.dumps(ledger))
    yield name
    survivor.kill()
    survivor.wait()


async def test_the_next_start_ends_what_a_killed_supervisor_left(
    options: LocalOptions, killed_supervisor: ProcessName
) -> None:
    async with LocalHexi(options) as hexi:
        assert not killed_supervisor.is_running()
        assert set(hexi.pids) == set(NAMES)


async def test_a_process_of_the_same_number_but_another_start_is_spared(
    options: LocalOptions,
) -> None:
    stranger = await asyncio.create_subprocess_exec("sleep", "600", start_new_session=True)
    listed = [{"name": "old", "pid": stranger.pid, "started": "an earlier boot"}]
    (options.state_dir / "processes.json").write_text(json.dumps({"processes": listed}))

    async with LocalHexi(options):
        assert stranger.returncode is None

    stranger.kill()
    await stranger.wait()


def hexi_local(options: LocalOptions, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"HEXI_STATE_DIR": str(options.state_dir), "PATH": ""}
    return subprocess.run(
        [sys.executable, "-m", "hexi_local", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel's word to orphans")
def test_from_the_command_line_up_killed_up_and_down() -> None:
    # Not below pytest's folder: every other run of pytest closes that to other users again.
    with tempfile.TemporaryDirectory(prefix="hexi-", ignore_cleanup_errors=True) as folder:
        up_killed_up_and_down(LocalOptions(state_dir=Path(folder)))


def up_killed_up_and_down(options: LocalOptions) -> None:

    up = hexi_local(options, "up", "--detach", "--profile", "servers")
    assert up.returncode == 0, up.stderr
    first = json.loads((options.state_dir / "processes.json").read_text())
    supervisor = psutil.Process(first["supervisor"]["pid"])
    servers = [ProcessName.read(one) for one in first["processes"]]
    supervisor.send_signal(signal.SIGKILL)
    psutil.wait_procs([supervisor])
    for one in servers:
        assert one is not None
        # It may be gone between one look and the next.
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.wait_procs([psutil.Process(one.pid)], timeout=30)
    assert not any(one.is_running() for one in servers if one is not None)

    again = hexi_local(options, "up", "--detach", "--profile", "servers")
    assert again.returncode == 0, again.stderr
    assert hexi_local(options, "topics").stdout.startswith("0 topics made, 0 differences")
    assert json.loads(hexi_local(options, "status", "--json").stdout)["ready"]
    assert "Kafka Server started" in hexi_local(options, "logs", "kafka").stdout

    assert hexi_local(options, "down").stdout == "down\n"
    assert hexi_local(options, "status").stdout == "down\n"
    assert hexi_local(options, "down").stdout == "nothing was up\n"
