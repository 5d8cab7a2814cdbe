"""Says in sbatch's options and arguments what a job is; no script is put together from text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from hexi_kit.model import BaseModel, ConfigDict, Field

from hexi_agent.executors.job import MILLI, Job, refused, units_of

SCRIPT = Path(__file__).with_name("job.sh")
SECONDS_PER_MINUTE = 60
# Added to the limit that the agent enforces itself: Slurm's own is for when the agent is away.
GRACE_MINUTES = 1
PATH = "/usr/local/bin:/usr/bin:/bin"

_STRICT = ConfigDict(frozen=True, extra="forbid")
_PLAIN_PATH = r"^/[A-Za-z0-9._/@+-]{0,200}$"


class Gres(BaseModel):
    """What this cluster calls a model of accelerators, and how small a share it gives."""

    model_config = _STRICT

    # As in `--gres`, without the count: "gpu:a100".
    name: str = Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")
    milli_per_unit: int = Field(MILLI, ge=1, le=MILLI)


class SlurmConfig(BaseModel):
    """Where the tools are, and what this cluster offers."""

    model_config = _STRICT

    # Folder of sbatch, squeue, scancel here, and of srun on the nodes.
    bin_dir: str = Field("/usr/bin", pattern=_PLAIN_PATH)
    # Seen by this agent and by every node under the same path; sbatch reads % in paths.
    work_dir: str = Field(pattern=_PLAIN_PATH)
    # For the tools: SLURM_CONF, LD_LIBRARY_PATH; they get no other.
    environment: dict[str, str] = Field(default_factory=dict)
    partition: str = Field("", pattern=r"^[A-Za-z0-9_.-]{0,64}$")
    account: str = Field("", pattern=r"^[A-Za-z0-9_.-]{0,64}$")
    accelerators: dict[str, Gres] = Field(default_factory=dict)
    # How images are run: not at all, Slurm's --container (an OCI bundle), or pyxis' options.
    images: Literal["", "container", "container-image"] = ""
    # What a workload may mount, by name.
    mounts: dict[str, str] = Field(default_factory=dict)
    # Slurm's name of server {server} of the server set; empty: Slurm chooses its nodes itself.
    node_name: str = Field("", pattern=r"^([A-Za-z0-9.-]*\{server(:0\d{1,2}d)?\}[A-Za-z0-9.-]*)?$")
    # One squeue for all runs; controllers do not like to be asked often.
    look_s: float = Field(2.0, ge=0.1, le=60)
    timeout_s: int = Field(30, ge=1, le=600)
    pending_s_max: int = Field(600, ge=1)


def sbatch_arguments(job: Job, config: SlurmConfig, folder: Path) -> list[str]:
    """Everything after `sbatch`.

    Raises:
        InvalidArgument: this cluster does not offer what the job asks for.
    """
    cpus = max(1, -(-job.cpu_milli // MILLI))
    minutes = -(-job.duration_s // SECONDS_PER_MINUTE) + GRACE_MINUTES
    options = {
        "parsable": "",
        "job-name": job.placement_id,
        "no-requeue": "",
        "output": str(folder / "output"),
        "open-mode": "truncate",
        "input": "none",
        "chdir": _working_directory(job, config, folder),
        "ntasks": str(job.replicas),
        "cpus-per-task": str(cpus),
        "mem-per-cpu": f"{-(-job.memory_mib // cpus)}M",
        "time": str(minutes),
        "partition": config.partition,
        "account": config.account,
    } | _placing(job, config)
    given = [f"--{name}={value}" if value else f"--{name}" for name, value in _set(options)]
    return [*given, "--export=ALL", str(SCRIPT), str(folder), *_program(job, config, folder)]


def _set(options: Mapping[str, str]) -> list[tuple[str, str]]:
    flags = ("parsable", "no-requeue")
    return [(name, value) for name, value in options.items() if value or name in flags]


def _placing(job: Job, config: SlurmConfig) -> dict[str, str]:
    """As many nodes, replicas on a node, and devices as PLACE has decided."""
    densest = max((replicas for _, replicas in job.servers), default=job.replicas)
    placing: dict[str, str] = {}
    if config.node_name and job.servers:
        names = [config.node_name.format(server=server) for server, _ in job.servers]
        placing = {"nodes": str(len(names)), "nodelist": ",".join(names)}
        placing["ntasks-per-node"] = str(densest)
    if job.accelerators:
        gres = config.accelerators.get(job.accelerator)
        if gres is None:
            raise refused(
                "resources.accelerator_models", f"no --gres is known for {job.accelerator!r}"
            )
        placing["gres"] = f"{gres.name}:{units_of(job, gres.milli_per_unit) * densest}"
    return placing


def _program(job: Job, config: SlurmConfig, folder: Path) -> list[str]:
    """Arguments of the script: Slurm hands them on one by one, whatever is in them."""
    own = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": str(folder / "scratch")}
    variables = [f"{name}={value}" for name, value in (own | dict(job.environment)).items()]
    program = ["env", *variables, *job.argv]
    if job.replicas == 1 and not job.image:
        return program
    srun = [f"{config.bin_dir}/srun", "--kill-on-bad-exit=1", f"--ntasks={job.replicas}"]
    return [*srun, *_container(job, config), *program]


def _container(job: Job, config: SlurmConfig) -> list[str]:
    if not job.image:
        return []
    if not config.images:
        raise refused("command.image", "this cluster runs no images")
    options = [f"--{config.images}={job.image}"]
    if job.mounts and config.images == "container":
        raise refused("command.mounts", "a bundle says itself what it mounts")
    if job.mounts:
        mounts = [
            f"{_source(one.source, config)}:{one.target}{':ro' if one.read_only else ''}"
            for one in job.mounts
        ]
        options.append("--container-mounts=" + ",".join(mounts))
    if config.images == "container-image" and job.working_directory:
        options.append(f"--container-workdir={job.working_directory}")
    return options


def _working_directory(job: Job, config: SlurmConfig, folder: Path) -> str:
    if not job.image:
        for mount in job.mounts:
            # Without a container a path is where it is, and the rights are those of the user.
            if _source(mount.source, config) != mount.target or mount.read_only:
                raise refused("command.mounts", "without an image, paths stay where they are")
        return job.working_directory or str(folder / "scratch")
    return str(folder / "scratch")


def _source(name: str, config: SlurmConfig) -> str:
    if name not in config.mounts:
        raise refused("command.mounts", f"this site offers no {name!r}")
    return config.mounts[name]
