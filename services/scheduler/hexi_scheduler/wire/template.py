"""Fills a submitted workload from its template."""

from __future__ import annotations

from hexi.scheduler.v1 import workload_pb2

from hexi_scheduler.domain.templates import Templates, Wishes, filled

CONSTRAINTS = frozenset(workload_pb2.Constraints.DESCRIPTOR.fields_by_name)


def number_of(name: str) -> int:
    """Of a template by its name in a policy file."""
    return workload_pb2.Template.Value(f"TEMPLATE_{name.upper()}")


def fill(templates: Templates, spec: workload_pb2.WorkloadSpec, at_ms: int) -> None:
    """In place; a workload of no template stays as it is."""
    template = templates.at(spec.template, at_ms)
    if template is None:
        return
    if template.argv and not spec.command.argv:
        spec.command.argv.extend(template.argv)
        spec.constraints.executor = spec.constraints.executor or template.executor
    run_s = spec.duration_s or spec.duration_s_max or templates.run_s_unknown
    wishes = filled(template, _said(spec), run_s, at_ms)
    for name, value in wishes._asdict().items():
        holder = spec.constraints if name in CONSTRAINTS else spec
        if value and getattr(holder, name) != value:
            setattr(holder, name, value)


def _said(spec: workload_pb2.WorkloadSpec) -> Wishes:
    asked = spec.constraints
    first_copy = asked.distance_from_site_id or (spec.inputs[0].site_id if spec.inputs else "")
    return Wishes(
        spec.priority,
        spec.interruptible,
        spec.checkpoint_interval_s,
        spec.deadline_ms,
        spec.not_before_ms,
        asked.state_owned_cloud,
        asked.security_grade_min,
        asked.distance_km_min,
        first_copy,
    )
