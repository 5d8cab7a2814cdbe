"""Calls Slurm's command line tools, each with an end, and reads what they say of jobs."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hexi_kit.errors import InvalidArgument, Unavailable, Violation

from hexi_agent.domain.cluster_runs import LOST_EXIT_CODE, STOPPED_EXIT_CODE, Phase, Seen
from hexi_agent.domain.simulated_runs import TOO_LONG
from hexi_agent.executors.slurm.options import PATH, SlurmConfig

ANSWER_BYTES_MAX = 16 * 1024**2
REASON_CHARS_MAX = 400
SIGNAL_MASK, CODE_SHIFT = 0x7F, 8

# Fixed widths, so that no text of anybody's can pass for a column.
_COLUMNS = (("Name", 64), ("JobID", 20), ("State", 24), ("exit_code", 16), ("Reason", 48))
_LINE_CHARS = sum(width for _, width in _COLUMNS)
_FORMAT = ",".join(f"{name}:{width}" for name, width in _COLUMNS)
LOOK = ("--me", "--noheader", "--states=all", f"--Format={_FORMAT}")
# What sbatch and its friends say when the fault is not the job's; they all exit with 1.
_PASSING = (
    "unable to contact",
    "timed out",
    "temporarily",
    "connection refused",
    "authentication",
    "zero bytes",
    "communication",
    "slow down",
    "shut down",
    "protocol",
)
_WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
_ENDED = {
    *("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"),
    *("BOOT_FAIL", "DEADLINE", "PREEMPTED", "REVOKED"),
}


class QueueLine(NamedTuple):
    """One job of the queue; `wait_status` is what wait(2) said of it."""

    name: str
    job_id: int
    state: str
    wait_status: int
    reason: str


class Tools:
    """Run with an environment of their own: what stands in ours must not become an option."""

    def __init__(self, config: SlurmConfig) -> None:
        self._config = config
        self._environment = {"PATH": PATH, "LANG": "C.UTF-8"} | config.environment

    async def sbatch(self, arguments: Sequence[str]) -> None:
        """Raises InvalidArgument where Slurm will never take this job."""
        await self._call("sbatch", arguments)

    async def squeue(self) -> list[QueueLine]:
        return read_queue(await self._call("squeue", LOOK))

    async def scancel(self, job_ids: Sequence[int]) -> None:
        try:
            await self._call("scancel", [str(job_id) for job_id in job_ids])
        except InvalidArgument:
            # Over in between, which is what we want.
            return

    async def _call(self, tool: str, arguments: Sequence[str]) -> str:
        program = f"{self._config.bin_dir}/{tool}"
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment,
                limit=ANSWER_BYTES_MAX,
            )
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise InvalidArgument([Violation("command", "too long")]) from error
            raise Unavailable(f"{program}: {error.strerror}") from error
        try:
            async with asyncio.timeout(self._config.timeout_s):
                out, err = await process.communicate()
        except TimeoutError as error:
            raise Unavailable(f"{tool} did not answer") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise _error(tool, err)
        return out.decode(errors="replace")


def read_queue(answer: str) -> list[QueueLine]:
    """Lines that are not a job of ours are left out: their names need not be ours to like."""
    found: list[QueueLine] = []
    for line in answer.splitlines():
        if len(line) < _LINE_CHARS:
            continue
        cells, start = list[str](), 0
        for _, width in _COLUMNS:
            cells.append(line[start : start + width].strip())
            start += width
        name, job_id, state, status, reason = cells
        if job_id.isdigit() and status.isdigit():
            found.append(QueueLine(name, int(job_id), state, int(status), reason))
    return found


def seen_of(line: QueueLine) -> Seen:
    if line.state in _WAITING:
        return Seen(Phase.WAITING, detail=line.reason)
    if line.state not in _ENDED:
        return Seen(Phase.RUNNING)
    if line.state == "TIMEOUT":
        return Seen(Phase.ENDED, detail=TOO_LONG)
    signal, code = line.wait_status & SIGNAL_MASK, line.wait_status >> CODE_SHIFT
    code = 128 + signal if signal else code
    if line.state in ("COMPLETED", "FAILED"):
        return Seen(Phase.ENDED, code)
    stopped = STOPPED_EXIT_CODE if line.state in ("CANCELLED", "PREEMPTED") else LOST_EXIT_CODE
    return Seen(Phase.ENDED, code or stopped, line.state.lower())


def queue_by_name(lines: Sequence[QueueLine]) -> Mapping[str, list[QueueLine]]:
    """Every job of a name, the first submitted first."""
    found: dict[str, list[QueueLine]] = {}
    for line in sorted(lines, key=lambda line: line.job_id):
        found.setdefault(line.name, []).append(line)
    return found


def _error(tool: str, err: bytes) -> Exception:
    said = " ".join(err.decode(errors="replace").split())[:REASON_CHARS_MAX]
    if any(sign in said.lower() for sign in _PASSING):
        return Unavailable(f"{tool}: {said}")
    return InvalidArgument([Violation("command", f"{tool}: {said or 'failed'}")])
