"""What may be taken out of service without a person, and what a person must decide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hexi_kit.errors import FailedPrecondition


@dataclass(frozen=True, slots=True)
class Directive:
    """Racks of a site in quarantine; lifting it is final."""

    directive_id: str
    site_id: str
    racks: tuple[str, ...]
    active: bool
    automatic: bool
    reason: str
    incident_id: str
    issued_by: str
    issued_at_ms: int

    def require_active(self) -> None:
        if not self.active:
            raise FailedPrecondition(
                "expected an active directive, was lifted", "lift_directive_id"
            )


@dataclass(frozen=True, slots=True)
class Containment:
    """`quarantine` is done at once, `proposed` waits for the SOC."""

    quarantine: tuple[str, ...]
    proposed: tuple[str, ...]


def contain(
    wanted: Iterable[str], active: Iterable[Directive], blast_radius_racks: int
) -> Containment:
    """All that machines hold in quarantine at a site at one time stays within the blast radius."""
    in_force = list(active)
    held = {rack for directive in in_force for rack in directive.racks}
    by_machine = {rack for directive in in_force if directive.automatic for rack in directive.racks}
    fresh = tuple(sorted(set(wanted) - held))
    if len(by_machine) + len(fresh) <= blast_radius_racks:
        return Containment(fresh, ())
    return Containment((), fresh)
