"""A folder a run, shared with the nodes; beside it Slurm's queue says how far the run has come."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hexi_kit.errors import InvalidArgument, Unavailable

from hexi_agent.domain.cluster_runs import Phase, Seen
from hexi_agent.executors import Order
from hexi_agent.executors.cluster import Output
from hexi_agent.executors.job import job_of
from hexi_agent.executors.slurm.options import SlurmConfig, sbatch_arguments
from hexi_agent.executors.slurm.tools import QueueLine, Tools, queue_by_name, seen_of

NOBODY = "0"


class SlurmCluster:
    """A job of ours has a folder of its name, made before it was submitted. In it `claim` names the
    one job that may run, `exit` its end, which outlives Slurm's memory of it."""

    def __init__(self, config: SlurmConfig, accelerator_of: Callable[[int], str]) -> None:
        self._config, self._accelerator_of = config, accelerator_of
        self._tools = Tools(config)
        self._folder = Path(config.work_dir)
        self._queue: Mapping[str, Sequence[QueueLine]] = {}

    async def look(self) -> Mapping[str, Seen]:
        try:
            lines = await self._tools.squeue()
        except InvalidArgument as error:
            raise Unavailable(str(error)) from error
        self._queue = queue_by_name(lines)
        return await asyncio.to_thread(self._merge)

    async def submit(self, order: Order) -> None:
        job = job_of(order, self._accelerator_of)
        folder = self._folder / job.placement_id
        arguments = sbatch_arguments(job, self._config, folder)
        (folder / "scratch").mkdir(parents=True, exist_ok=True)
        try:
            await self._tools.sbatch(arguments)
        except InvalidArgument:
            await self.forget(job.placement_id)
            raise

    async def cancel(self, placement_id: str) -> None:
        # One that is still on its way to the queue finds the claim taken.
        _claim(self._folder / placement_id, NOBODY)
        jobs = [line.job_id for line in self._queue.get(placement_id, ())]
        if jobs:
            await self._tools.scancel(jobs)

    async def output(self, placement_id: str, bytes_max: int) -> Output:
        return await asyncio.to_thread(_tail, self._folder / placement_id / "output", bytes_max)

    async def forget(self, placement_id: str) -> None:
        """Without its folder a job that comes late can not make its claim, and does not run."""
        path = self._folder / placement_id
        await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)

    def _merge(self) -> Mapping[str, Seen]:
        """Slurm's word where it has one, else what the run left in its folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        found: dict[str, Seen] = {}
        for entry in os.scandir(self._folder):
            claim = _read(Path(entry.path) / "claim")
            line = _chosen(self._queue.get(entry.name, ()), claim)
            has_run = claim not in ("", NOBODY)
            if line is not None:
                found[entry.name] = seen_of(line)._replace(has_run=has_run)
            elif (code := _read(Path(entry.path) / "exit")).isdigit():
                found[entry.name] = Seen(Phase.ENDED, int(code), has_run=True)
        return found


def _chosen(lines: Sequence[QueueLine], claim: str) -> QueueLine | None:
    """The one that runs; nobody has claimed yet: the first."""
    claimed = [line for line in lines if str(line.job_id) == claim]
    return next(iter(claimed or lines), None)


def _claim(folder: Path, owner: str) -> None:
    try:
        with (folder / "claim").open("x") as file:
            file.write(owner)
    except (FileExistsError, FileNotFoundError):
        return


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()[:20]
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _tail(path: Path, bytes_max: int) -> Output:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - bytes_max))
            return Output(file.read(bytes_max), size > bytes_max)
    except FileNotFoundError:
        return Output()
