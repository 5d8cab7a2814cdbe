"""What the command line says stands in the spec; what it does not is left as it is."""

from datetime import datetime

import pytest
from hexi.scheduler.v1 import workload_pb2
from hexi_cli.main import app
from hexi_cli.submit import TemplateName, fill_in
from typer.testing import CliRunner


def test_template_duration_and_deadline_are_filled_in() -> None:
    spec = workload_pb2.WorkloadSpec(priority=3)

    fill_in(spec, TemplateName.render, 7_200, datetime(2026, 11, 21, 8, 0))

    assert spec == workload_pb2.WorkloadSpec(
        priority=3,
        template=workload_pb2.TEMPLATE_RENDER,
        duration_s=7_200,
        deadline_ms=1_795_219_200_000,
    )


def test_nothing_said_changes_nothing() -> None:
    spec = workload_pb2.WorkloadSpec(duration_s=9, deadline_ms=7)
    before = workload_pb2.WorkloadSpec.FromString(spec.SerializeToString())

    fill_in(spec, None, 0, None)

    assert spec == before


def test_every_template_has_its_number() -> None:
    known = set(workload_pb2.Template.keys()) - {"TEMPLATE_UNSPECIFIED"}

    assert {f"TEMPLATE_{name.upper()}" for name in TemplateName} == known


@pytest.mark.parametrize(
    "words", [["--template", "nonsense"], ["--deadline", "tomorrow"], ["--duration", "long"]]
)
def test_what_cannot_be_meant_is_refused(words: list[str]) -> None:
    asked = ["--as", "x", "submit", "--tenant", "acme", *words, "--", "true"]

    assert CliRunner().invoke(app, asked).exit_code == 2
