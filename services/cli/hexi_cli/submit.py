"""`hexi submit`: a command, or specs from a file."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import yaml
from google.protobuf import json_format
from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi.scheduler.v1 import workload_pb2
from hexi_kit import ids

from hexi_cli.render import USAGE, told_in_one_sentence
from hexi_cli.state import state_of
from hexi_cli.wait import wait_for
from hexi_cli.work import Tenant, scheduler

app = typer.Typer()
SHANGHAI = timezone(timedelta(hours=8))
MINUTE = "%Y-%m-%d %H:%M"


class TemplateName(StrEnum):
    """Of the templates there are."""

    store = "store"
    render = "render"
    train = "train"
    backup = "backup"
    inference = "inference"
    public_service = "public_service"
    measure_compute = "measure_compute"


def read_specs(file: Path) -> list[workload_pb2.WorkloadSpec]:
    """One spec or a list of them, YAML or JSON.

    Raises:
        typer.Exit: with one sentence on stderr.
    """
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
        items = raw if isinstance(raw, list) else [raw]
        return [json_format.ParseDict(item, workload_pb2.WorkloadSpec()) for item in items]
    except (yaml.YAMLError, json_format.ParseError) as error:
        typer.echo(f"{file}: {error}", err=True)
        raise typer.Exit(USAGE) from error


def fill_in(
    spec: workload_pb2.WorkloadSpec,
    template: TemplateName | None,
    duration_s: int,
    deadline: datetime | None,
) -> None:
    """What was said on the command line; a deadline is in the time of Shanghai."""
    if template:
        spec.template = workload_pb2.Template.Value(f"TEMPLATE_{template.upper()}")
    if duration_s:
        spec.duration_s = duration_s
    if deadline:
        spec.deadline_ms = int(deadline.replace(tzinfo=SHANGHAI).timestamp()) * 1_000


def _spec(
    name: str,
    replicas: int,
    asked: common_pb2.Resources,
    command: workload_pb2.Command,
    executor: str,
) -> workload_pb2.WorkloadSpec:
    return workload_pb2.WorkloadSpec(
        name=name,
        replicas=replicas,
        resources=asked,
        constraints=workload_pb2.Constraints(executor=executor if command.argv else ""),
        command=command,
    )


@app.command()
def submit(
    context: typer.Context,
    tenant: Tenant,
    command: Annotated[list[str] | None, typer.Argument(help="program and arguments")] = None,
    file: Annotated[Path | None, typer.Option(exists=True, help="specs as YAML or JSON")] = None,
    name: str = "work",
    cpu: Annotated[int, typer.Option(help="thousandths of a vCPU")] = 1_000,
    memory: Annotated[int, typer.Option(help="MiB")] = 512,
    accelerators: int = 0,
    model: Annotated[list[str] | None, typer.Option(help="any of these accelerators")] = None,
    replicas: int = 1,
    executor: Annotated[str, typer.Option(help="of a command: host, slurm, kubernetes")] = "host",
    image: Annotated[str, typer.Option(help="container image of a command")] = "",
    count: Annotated[int, typer.Option(help="submit the same so many times")] = 1,
    template: Annotated[
        TemplateName | None, typer.Option(help="says the rest: deadline, priority, hours …")
    ] = None,
    duration: Annotated[int, typer.Option(help="seconds it is expected to run")] = 0,
    deadline: Annotated[
        datetime | None,
        typer.Option(formats=[MINUTE], help="in Shanghai; it may wait for a cheaper hour"),
    ] = None,
    key: Annotated[str, typer.Option(help="idempotency key; the same again is the same work")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="until all is over")] = False,
) -> None:
    """Submit work: a command, or specs from a file."""
    state = state_of(context)
    asked = common_pb2.Resources(
        cpu_milli=cpu,
        memory_mib=memory,
        accelerators=accelerators,
        accelerator_models=model or [],
    )
    words = workload_pb2.Command(argv=command or [], image=image, output_bytes_max=4_096)
    specs = read_specs(file) if file else [_spec(name, replicas, asked, words, executor)]
    for spec in specs:
        fill_in(spec, template, duration, deadline)
    with told_in_one_sentence():
        stub = scheduler(state)
        answer = stub.SubmitWorkloads(
            pb.SubmitWorkloadsRequest(
                idempotency_key=key or ids.random_id(), tenant_id=tenant, workloads=specs * count
            )
        )
        state.printer.say(answer, "\n".join(answer.workload_ids))
        if wait:
            wait_for(stub, list(answer.workload_ids), state.printer)
