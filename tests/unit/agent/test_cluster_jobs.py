"""Goal: what a workload says is passed on word for word or refused, never understood as more.
Method: orders, good and bad, against the words that Slurm and Kubernetes are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hexi.scheduler.v1 import scheduler_service_pb2
from hexi_agent.config import AgentConfig, read_config
from hexi_agent.domain.cluster_runs import Phase, Seen
from hexi_agent.executors.job import Job, job_of
from hexi_agent.executors.kubernetes.manifest import KubernetesConfig, job_manifest
from hexi_agent.executors.kubernetes.status import seen_of as seen_of_job
from hexi_agent.executors.kubernetes.status import telling_pod, with_pods
from hexi_agent.executors.slurm.options import SlurmConfig, sbatch_arguments
from hexi_agent.executors.slurm.tools import LOOK, QueueLine, read_queue, seen_of
from hexi_agent.fleet import make_layout, server_set_of
from hexi_agent.testing.small_pods import expand
from hexi_kit.errors import InvalidArgument
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

Order = scheduler_service_pb2.Order
FOLDER = Path("/shared/p1")
EXAMPLES = Path(__file__).resolve().parents[3] / "services/agent/examples"


def order(*argv: str, replicas: int = 1, accelerators: int = 0) -> Order:
    made = Order(placement_id="p1", run=True)
    spec = made.workload.spec
    spec.replicas, spec.duration_s_max = replicas, 90
    spec.resources.cpu_milli, spec.resources.memory_mib = 2_500, 1_000
    spec.resources.accelerators = accelerators
    spec.command.argv.extend(argv or ["/bin/true"])
    for number in range(replicas):
        made.allocations.add(server=7 + number // 2)
    return made


def job(made: Order | None = None) -> Job:
    return job_of(made or order(), lambda server: "A100" if server == 7 else "T4")


def slurm(**changes: object) -> SlurmConfig:
    return SlurmConfig.model_validate({"work_dir": "/shared"} | changes)


def kubernetes(**changes: object) -> KubernetesConfig:
    return KubernetesConfig.model_validate({"image": "debian:12"} | changes)


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    (one,) = manifest["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = one
    return found


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image", "evil image"),
        ("image", "--privileged"),
        ("working_directory", "relative"),
        ("working_directory", "/a/../etc"),
        ("working_directory", "/a\n--uid=0"),
    ],
)
def test_a_word_that_could_mean_more_is_refused(field: str, value: str) -> None:
    bad = order()
    setattr(bad.workload.spec.command, field, value)

    with pytest.raises(InvalidArgument, match=field):
        job(bad)


@pytest.mark.parametrize(
    ("source", "target"), [("/etc", "/x"), ("data", "/"), ("data", "/x:rw,/etc"), ("../data", "/x")]
)
def test_a_mount_that_is_not_plain_is_refused(source: str, target: str) -> None:
    bad = order()
    bad.workload.spec.command.mounts.add(source=source, target=target)

    with pytest.raises(InvalidArgument, match="mounts"):
        job(bad)


@pytest.mark.parametrize("name", ["", "../p", "P1", "p" * 60, "p\n1", "p;1"])
def test_a_placement_id_that_could_be_a_path_is_refused(name: str) -> None:
    bad = order()
    bad.placement_id = name

    with pytest.raises(InvalidArgument, match="placement_id"):
        job(bad)


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), max_size=5))
def test_slurm_gets_arguments_behind_its_own_and_unchanged(arguments: list[str]) -> None:
    made = sbatch_arguments(job(order("/bin/true", *arguments)), slurm(), FOLDER)

    script = next(at for at, text in enumerate(made) if text.endswith("job.sh"))
    assert made[script + 1 : script + 3] == [str(FOLDER), "env"]
    assert made[len(made) - len(arguments) - 1 :] == ["/bin/true", *arguments]
    assert all(text.startswith("--") for text in made[:script])


@given(st.text())
def test_kubernetes_puts_nothing_into_our_words(text: str) -> None:
    text = text.replace("\0", "")
    made = container(job_manifest(job(order("/bin/echo", text)), kubernetes(), "lanzhou"))

    assert expand(made["command"][1], {"HOME": "/root"}) == text


def test_slurm_is_asked_for_what_place_has_decided() -> None:
    config = slurm(
        accelerators={"A100": {"name": "gpu:a100"}}, node_name="gn{server:03d}", partition="ai"
    )
    made = sbatch_arguments(job(order(replicas=3, accelerators=4)), config, FOLDER)

    for option in (
        *("--ntasks=3", "--cpus-per-task=3", "--mem-per-cpu=334M", "--time=3", "--partition=ai"),
        *("--nodes=2", "--nodelist=gn007,gn008", "--ntasks-per-node=2", "--gres=gpu:a100:8"),
        *("--job-name=p1", "--no-requeue"),
    ):
        assert option in made
    assert made[made.index("/shared/p1") + 1] == "/usr/bin/srun"


def test_kubernetes_is_asked_for_what_place_has_decided() -> None:
    config = kubernetes(
        accelerators={"A100": {"name": "nvidia.com/gpu", "node_labels": {"gpu": "a100"}}},
        node_name="gn{server}",
    )
    made = job_manifest(job(order(replicas=3, accelerators=4)), config, "lanzhou")
    pod = made["spec"]["template"]["spec"]

    assert (made["spec"]["parallelism"], made["spec"]["backoffLimit"]) == (3, 0)
    assert container(made)["resources"]["limits"] == {
        **{"cpu": "2500m", "memory": "1000Mi", "nvidia.com/gpu": "4"}
    }
    assert pod["nodeSelector"] == {"gpu": "a100"}
    assert "gn7" in str(pod["affinity"])


def test_a_share_is_given_only_in_whole_units_of_the_cluster() -> None:
    shared = order(accelerators=1)
    shared.workload.spec.resources.accelerator_milli = 250
    tenths = {"A100": {"name": "hexi/gpu-tenth", "milli_per_unit": 50}}
    whole = {"A100": {"name": "nvidia.com/gpu"}}

    made = container(job_manifest(job(shared), kubernetes(accelerators=tenths), "lanzhou"))

    assert made["resources"]["limits"]["hexi/gpu-tenth"] == "5"
    with pytest.raises(InvalidArgument, match="accelerator_milli"):
        job_manifest(job(shared), kubernetes(accelerators=whole), "lanzhou")


def test_images_run_only_where_and_whence_the_site_says() -> None:
    made = order()
    made.workload.spec.command.image = "registry.local/team/train:1"

    with pytest.raises(InvalidArgument, match="image"):
        sbatch_arguments(job(made), slurm(), FOLDER)
    with pytest.raises(InvalidArgument, match="image"):
        job_manifest(job(made), kubernetes(images=("elsewhere/",)), "lanzhou")
    with pytest.raises(InvalidArgument, match="image"):
        job_manifest(job(), KubernetesConfig.model_validate({}), "lanzhou")
    pyxis = sbatch_arguments(job(made), slurm(images="container-image"), FOLDER)
    assert "--container-image=registry.local/team/train:1" in pyxis


def test_mounts_are_names_of_the_site() -> None:
    made = order()
    made.workload.spec.command.image = "train:1"
    made.workload.spec.command.mounts.add(source="data", target="/data", read_only=True)
    config = slurm(images="container-image", mounts={"data": "/lustre/data"})

    assert "--container-mounts=/lustre/data:/data:ro" in sbatch_arguments(job(made), config, FOLDER)
    with pytest.raises(InvalidArgument, match="offers no 'data'"):
        sbatch_arguments(job(made), slurm(images="container-image"), FOLDER)
    volumes = kubernetes(mounts={"data": {"host_path": "/lustre/data"}})
    pod = job_manifest(job(made), volumes, "lanzhou")["spec"]["template"]["spec"]
    assert pod["volumes"][0]["hostPath"]["path"] == "/lustre/data"
    assert pod["containers"][0]["volumeMounts"][0]["readOnly"]


def line(name: str, job_id: str, state: str, status: str, reason: str = "None") -> str:
    return f"{name:<64}{job_id:<20}{state:<24}{status:<16}{reason:<48}"


def test_the_queue_is_read_by_columns_and_strange_lines_are_left_out() -> None:
    answer = "\n".join(
        [line("p1", "12", "RUNNING", "0"), "rubbish", line("x", "1_[2-3]", "PENDING", "0"), ""]
    )

    assert read_queue(answer) == [QueueLine("p1", 12, "RUNNING", 0, "None")]
    assert LOOK[-1] == "--Format=Name:64,JobID:20,State:24,exit_code:16,Reason:48"


@pytest.mark.parametrize(
    ("state", "status", "seen"),
    [
        ("PENDING", 0, Seen(Phase.WAITING, detail="Priority")),
        ("COMPLETING", 0, Seen(Phase.RUNNING)),
        ("SUSPENDED", 0, Seen(Phase.RUNNING)),
        ("COMPLETED", 0, Seen(Phase.ENDED, 0)),
        ("FAILED", 3 << 8, Seen(Phase.ENDED, 3)),
        ("FAILED", 9, Seen(Phase.ENDED, 137)),
        ("CANCELLED", 0, Seen(Phase.ENDED, 143, "cancelled")),
        ("TIMEOUT", 0, Seen(Phase.ENDED, 0, "duration_s_max reached")),
        ("NODE_FAIL", 0, Seen(Phase.ENDED, -1, "node_fail")),
        ("OUT_OF_MEMORY", 0, Seen(Phase.ENDED, -1, "out_of_memory")),
    ],
)
def test_states_of_slurm(state: str, status: int, seen: Seen) -> None:
    assert seen_of(QueueLine("p1", 1, state, status, "Priority")) == seen


def condition(kind: str, reason: str = "") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": "True", "reason": reason}]}


@pytest.mark.parametrize(
    ("status", "phase", "detail"),
    [
        ({}, Phase.WAITING, ""),
        ({"active": 2}, Phase.WAITING, ""),
        ({"active": 2, "ready": 1}, Phase.RUNNING, ""),
        ({"active": 1, **condition("FailureTarget")}, Phase.WAITING, ""),
        (condition("Complete"), Phase.ENDED, ""),
        (condition("Failed", "DeadlineExceeded"), Phase.ENDED, "duration_s_max reached"),
        (condition("Failed", "BackoffLimitExceeded"), Phase.ENDED, "BackoffLimitExceeded"),
    ],
)
def test_states_of_kubernetes(status: dict[str, Any], phase: Phase, detail: str) -> None:
    seen = seen_of_job({"metadata": {"name": "hexi-p1"}, "status": status})

    assert (seen.phase, seen.detail) == (phase, detail)


def pod(name: str, code: int, at: str, reason: str = "Error") -> dict[str, Any]:
    ended = {"exitCode": code, "reason": reason, "finishedAt": at}
    states = [{"name": "run", "state": {"terminated": ended}}]
    return {"metadata": {"name": name}, "status": {"containerStatuses": states}}


def test_the_first_failure_is_the_end_of_the_run() -> None:
    failed = Seen(Phase.ENDED, -1, "BackoffLimitExceeded")
    pods = [
        pod("a", 143, "2026-11-21T00:00:05Z"),
        pod("b", 137, "2026-11-21T00:00:04Z", "OOMKilled"),
        pod("c", 7, "2026-11-21T00:00:05Z"),
        pod("d", 0, "2026-11-21T00:00:01Z", "Completed"),
    ]

    assert with_pods(failed, pods) == Seen(Phase.ENDED, 137, "OOMKilled", has_run=True)
    assert with_pods(failed, [pods[0], pods[2]]).exit_code == 7
    assert telling_pod(pods) == "b"
    assert with_pods(failed, []) == failed


@pytest.mark.parametrize("name", ["slurm", "kubernetes"])
def test_the_examples_are_good(name: str) -> None:
    found = read_config(EXAMPLES / f"{name}.yaml")

    assert (found.executors, found.fleet.executor) == ([name], name)
    assert server_set_of(make_layout("x", 1, seed=1, host_server=False), name).executors == [name]


def test_a_site_must_say_where_its_cluster_is() -> None:
    site = {"site_id": "lanzhou", "identity": "a", "state_dir": "x", "fleet": {"servers": 1}}

    with pytest.raises(ValidationError, match="expected slurm:"):
        AgentConfig.model_validate(site | {"executors": ["slurm"]})
    with pytest.raises(ValidationError, match="work_dir"):
        AgentConfig.model_validate(site | {"slurm": {"work_dir": "/a/%j"}})
    with pytest.raises(ValidationError, match="one of claim"):
        AgentConfig.model_validate(site | {"kubernetes": {"mounts": {"x": {}}}})
