"""A real Slurm on one machine: munged, slurmctld and slurmd, in a folder of their own."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from getpass import getuser
from pathlib import Path

from hexi_kit.clock import SystemClock
from hexi_kit.ids import random_hex

VARIABLE = "HEXI_SLURM_BIN"
UP_S, LOOK_S, END_S = 30.0, 0.1, 10.0
KEY_BYTES = 128
NODE_CPUS, NODE_MEMORY_MIB = 8, 4_096

_CONF = """\
ClusterName=small
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
PlugStackConfig={folder}/plugstack.conf
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
MinJobAge=300
KillWait=2
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def find_slurm() -> tuple[Path, str]:
    """The folder of Slurm's tools, or else why there is none."""
    named = os.environ.get(VARIABLE) or os.path.dirname(shutil.which("sbatch") or "")
    if not named:
        return Path(), f"no sbatch in PATH and no {VARIABLE}: try ./task test:slurm"
    bin_dir = Path(named)
    for name in ("slurmctld", "slurmd", "munged", "slurmstepd"):
        if _daemon(bin_dir, name) is None:
            return Path(), f"no {name} beside {bin_dir}"
    return bin_dir, ""


class SmallSlurm:
    """Up after `start`; `stop` ends its processes and removes its folder."""

    def __init__(self, bin_dir: Path) -> None:
        self.bin_dir = bin_dir
        # Short: the path of a socket has at most 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        libraries = bin_dir.parent / "lib"
        self._plugins = next(libraries.glob("*/slurm-wlm"), None)
        self.environment = {"SLURM_CONF": str(self.folder / "slurm.conf")}
        if self._plugins is not None and bin_dir != Path("/usr/bin"):
            self.environment["LD_LIBRARY_PATH"] = f"{self._plugins}:{self._plugins.parent}"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        for name in ("state", "spool", "cgroup"):
            (self.folder / name).mkdir()
        self._configure()
        munge = [f"--{one}={self.folder}/munge.{one[:4]}" for one in ("pid-file", "log-file")]
        munge += [f"--key-file={self.folder}/key", f"--seed-file={self.folder}/seed"]
        self._run("munged", ["--foreground", "--force", f"--socket={self._socket}", *munge])
        self._until(["munge", "--socket", self._socket, "--no-input"], b"MUNGE")
        self._run("slurmctld", ["-D", "-i"])
        step = str(_daemon(self.bin_dir, "slurmstepd"))
        self._run("slurmd", ["-D", "-N", "n1", "-d", step])
        self._until(["sinfo", "--noheader", "--format=%T"], b"idle")

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, tool: str, *arguments: str) -> str:
        """What one of its tools says."""
        done = self._call([tool, *arguments])
        return done.stdout.decode()

    @property
    def _socket(self) -> str:
        return f"{self.folder}/munge.sock"

    def _configure(self) -> None:
        key = self.folder / "key"
        key.write_text(random_hex(KEY_BYTES))
        key.chmod(0o600)
        text = _CONF.format(
            host=socket.gethostname().split(".")[0],
            controller_port=_free_port(),
            node_port=_free_port(),
            user=getuser(),
            folder=self.folder,
            cpus=NODE_CPUS,
            memory=NODE_MEMORY_MIB,
        )
        if self._plugins is not None:
            text += f"PluginDir={self._plugins}\n"
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "plugstack.conf").touch()
        # No control groups: they are the machine's, and nobody needs its rights for a test.
        mount = f"CgroupPlugin=cgroup/v1\nCgroupMountpoint={self.folder}/cgroup\n"
        (self.folder / "cgroup.conf").write_text(mount)

    def _run(self, name: str, arguments: Sequence[str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [str(_daemon(self.bin_dir, name)), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                )
            )

    def _until(self, call: Sequence[str], expected: bytes) -> None:
        asyncio.run(self._until_says(call, expected))

    async def _until_says(self, call: Sequence[str], expected: bytes) -> None:
        clock = SystemClock()
        deadline_s = clock.real_monotonic_s() + UP_S
        while expected not in (done := self._call(call)).stdout:
            if clock.real_monotonic_s() > deadline_s:
                logs = [path.read_text()[-2_000:] for path in self.folder.glob("*.log")]
                raise TimeoutError(f"{call}: {done.stderr.decode()}\n" + "\n".join(logs))
            await clock.sleep(LOOK_S)

    def _call(self, call: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        program = [str(self.bin_dir / call[0]), *call[1:]]
        return subprocess.run(program, capture_output=True, check=False, env=self._environment)

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": os.defpath} | self.environment


def _daemon(bin_dir: Path, name: str) -> Path | None:
    """Debian calls some of them by another name and links that, which unpacking alone does not."""
    folder = bin_dir.parent / "sbin"
    for found in (folder / name, folder / f"{name}-wlm", bin_dir / name):
        if found.exists():
            return found
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
