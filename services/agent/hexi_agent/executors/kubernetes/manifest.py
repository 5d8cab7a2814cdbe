"""Says in a Kubernetes Job what a job is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hexi_kit.model import BaseModel, ConfigDict, Field, model_validator

from hexi_agent.executors.job import MILLI, Job, refused, units_of

SITE_LABEL, PLACEMENT_LABEL = "hexi-site", "hexi-placement"
NAME_PREFIX = "hexi-"
CONTAINER = "run"
# Added to the limit that the agent enforces itself: the cluster's own deletes pods and their logs.
GRACE_S = 60
STOP_GRACE_S = 10

_STRICT = ConfigDict(frozen=True, extra="forbid")
_LABELS = dict[str, str]


class Resource(BaseModel):
    """What this cluster calls a model of accelerators, and which nodes have it."""

    model_config = _STRICT

    name: str = Field(pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$")
    milli_per_unit: int = Field(MILLI, ge=1, le=MILLI)
    node_labels: _LABELS = Field(default_factory=dict)


class Volume(BaseModel):
    """One of: a claim, a folder of the node, an empty folder of so many MiB."""

    model_config = _STRICT

    claim: str = ""
    host_path: str = Field("", pattern=r"^(/[A-Za-z0-9._/@+-]*)?$")
    empty_mib: int = Field(0, ge=0)
    read_only: bool = False

    @model_validator(mode="after")
    def _is_one(self) -> Volume:
        if sum(map(bool, (self.claim, self.host_path, self.empty_mib))) != 1:
            raise ValueError("expected one of claim, host_path, empty_mib")
        return self


class KubernetesConfig(BaseModel):
    """Which cluster, as whom, and what it offers."""

    model_config = _STRICT

    # None: the service account of the pod the agent runs in.
    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str = Field("default", pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    # For workloads that name none; empty refuses them.
    image: str = ""
    # Prefixes of images that may run; empty: any.
    images: tuple[str, ...] = ()
    accelerators: dict[str, Resource] = Field(default_factory=dict)
    # What a workload may mount, by name.
    mounts: dict[str, Volume] = Field(default_factory=dict)
    # Host name of server {server} of the server set; empty: the cluster chooses nodes itself.
    node_name: str = Field("", pattern=r"^([a-z0-9.-]*\{server(:0\d{1,2}d)?\}[a-z0-9.-]*)?$")
    timeout_s: int = Field(30, ge=1, le=600)
    pending_s_max: int = Field(600, ge=1)


def name_of(placement_id: str) -> str:
    return NAME_PREFIX + placement_id


def job_manifest(job: Job, config: KubernetesConfig, site_id: str) -> dict[str, Any]:
    """The Job object: all replicas at once, each tried once.

    Raises:
        InvalidArgument: this cluster does not offer what the job asks for.
    """
    labels = {
        "app.kubernetes.io/managed-by": "hexi",
        SITE_LABEL: site_id,
        PLACEMENT_LABEL: job.placement_id,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name_of(job.placement_id), "labels": labels},
        "spec": {
            "parallelism": job.replicas,
            "completions": job.replicas,
            "completionMode": "Indexed",
            "backoffLimit": 0,
            "activeDeadlineSeconds": job.duration_s + GRACE_S,
            "template": {"metadata": {"labels": labels}, "spec": _pod(job, config)},
        },
    }


def _pod(job: Job, config: KubernetesConfig) -> dict[str, Any]:
    resource = _resource(job, config)
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": STOP_GRACE_S,
        "containers": [_container(job, config, resource)],
    }
    if job.mounts:
        sources = sorted({mount.source for mount in job.mounts})
        pod["volumes"] = [_volume(name, config) for name in sources]
    if resource is not None and resource.node_labels:
        pod["nodeSelector"] = dict(resource.node_labels)
    if config.node_name and job.servers:
        names = [config.node_name.format(server=server) for server, _ in job.servers]
        host = {"key": "kubernetes.io/hostname", "operator": "In", "values": names}
        wanted = {"nodeSelectorTerms": [{"matchExpressions": [host]}]}
        pod["affinity"] = {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": wanted}
        }
    return pod


def _container(job: Job, config: KubernetesConfig, resource: Resource | None) -> dict[str, Any]:
    amounts = {"cpu": f"{job.cpu_milli}m", "memory": f"{job.memory_mib}Mi"}
    if resource is not None:
        amounts[resource.name] = str(units_of(job, resource.milli_per_unit))
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": _image(job, config),
        "command": [_literal(argument) for argument in job.argv],
        "env": [{"name": name, "value": _literal(value)} for name, value in job.environment],
        "resources": {"requests": amounts, "limits": amounts},
        "securityContext": {"allowPrivilegeEscalation": False},
    }
    if job.working_directory:
        container["workingDir"] = job.working_directory
    if job.mounts:
        container["volumeMounts"] = [
            {
                "name": mount.source,
                "mountPath": mount.target,
                "readOnly": mount.read_only or config.mounts[mount.source].read_only,
            }
            for mount in job.mounts
            if mount.source in config.mounts
        ]
    return container


def _literal(text: str) -> str:
    """Kubernetes would replace $(NAME) in commands and variables; $$ is a dollar to it."""
    return text.replace("$", "$$")


def _image(job: Job, config: KubernetesConfig) -> str:
    image = job.image or config.image
    if not image:
        raise refused("command.image", "expected an image: this site has no default")
    if job.image and config.images and not job.image.startswith(config.images):
        raise refused("command.image", "this site does not run images from there")
    return image


def _resource(job: Job, config: KubernetesConfig) -> Resource | None:
    if not job.accelerators:
        return None
    resource = config.accelerators.get(job.accelerator)
    if resource is None:
        raise refused(
            "resources.accelerator_models", f"no resource is known for {job.accelerator!r}"
        )
    return resource


def _volume(name: str, config: KubernetesConfig) -> dict[str, Any]:
    volume = config.mounts.get(name)
    if volume is None:
        raise refused("command.mounts", f"this site offers no {name!r}")
    if volume.claim:
        claim = {"claimName": volume.claim, "readOnly": volume.read_only}
        return {"name": name, "persistentVolumeClaim": claim}
    if volume.host_path:
        return {"name": name, "hostPath": {"path": volume.host_path, "type": "Directory"}}
    return {"name": name, "emptyDir": {"sizeLimit": f"{volume.empty_mib}Mi"}}
