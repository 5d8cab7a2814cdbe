"""Measures as gRPC sees them: agents report, everybody reads measures and grades."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from hexi.telemetry.v1 import measure_pb2
from hexi.telemetry.v1 import measure_service_pb2 as pb
from hexi.telemetry.v1.measure_service_pb2_grpc import MeasureServiceServicer
from hexi_kit.errors import PermissionDenied
from hexi_kit.rpc.context import current_principal
from hexi_kit.rpc.validate import Violations

from hexi_telemetry.api.own_site import OWN_SITE
from hexi_telemetry.api.paging import page_size
from hexi_telemetry.domain.measures.rate import PRECISIONS
from hexi_telemetry.domain.measures.reports import RoundTrips
from hexi_telemetry.domain.measures.site import Member
from hexi_telemetry.domain.stream import NUMBER_MAX
from hexi_telemetry.handlers.measures import Measures
from hexi_telemetry.wire.measures import grade_message, vector_of

ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252}):[1-9][0-9]{0,4}")
KEY_BYTES = 32
PEERS_MAX = 1_000
RTT_US_MAX = 60_000_000
SAMPLES_MAX = 1_000_000
THROUGHPUTS_MAX = 16
MOPS_MAX = POWER_MW_MAX = 2**50
MEMORY_BYTES_PER_S_MAX = 2**60
DEVICES_MAX = 1_024
REASON_CHARS_MAX = 200
Context = grpc.aio.ServicerContext[Any, Any]


class MeasurePages(Protocol):
    """What was published last, by site."""

    async def listed(
        self, site_id: str, after: str, size: int
    ) -> list[measure_pb2.SiteMeasured]: ...


@dataclass(frozen=True, slots=True)
class MeasureServicer(MeasureServiceServicer):
    """Parses, asks the handler, renders."""

    measures: Measures
    pages: MeasurePages

    async def ReportMesh(
        self, request: pb.ReportMeshRequest, context: Context
    ) -> pb.ReportMeshResponse:
        _require_own(request.site_id, request.agent_id)
        violations = Violations()
        address, key = request.address, request.public_key
        violations.require(
            bool(ADDRESS.fullmatch(address)), "address", f"expected host:port, was {address[:80]!r}"
        )
        violations.bounded("public_key", len(key), KEY_BYTES, KEY_BYTES)
        violations.bounded("windows", len(request.windows), 0, PEERS_MAX)
        found: dict[str, RoundTrips] = {}
        for index, window in enumerate(request.windows[:PEERS_MAX]):
            _check_window(violations, f"windows[{index}]", window)
            peer = window.peer_site_id
            is_new = peer not in found and peer != request.site_id
            violations.require(is_new, f"windows[{index}]", "expected another site, each once")
            trips = (window.rtt_min_us, window.rtt_p50_us, window.rtt_p99_us)
            found[peer] = RoundTrips(*trips, window.samples, window.lost)
        violations.raise_if_any()
        member = Member(request.site_id, request.agent_id, address, key)
        peers = await self.measures.report_mesh(member, found)
        return pb.ReportMeshResponse(
            peers=[
                pb.MeshPeer(site_id=p.site_id, address=p.address, public_key=p.public_key)
                for p in peers
            ]
        )

    async def ReportCompute(
        self, request: pb.ReportComputeRequest, context: Context
    ) -> pb.ReportComputeResponse:
        _require_own(request.site_id)
        violations = Violations()
        _check_vector(violations, request.vector)
        violations.raise_if_any()
        await self.measures.report_compute(request.site_id, vector_of(request.vector))
        return pb.ReportComputeResponse()

    async def ListMeasures(
        self, request: pb.ListMeasuresRequest, context: Context
    ) -> pb.ListMeasuresResponse:
        violations = Violations()
        for field in ("site_id", "page_token"):
            if value := getattr(request, field):
                violations.identifier(field, value)
        size = page_size(violations, request.page_size)
        violations.raise_if_any()
        sites = await self.pages.listed(request.site_id, request.page_token, size)
        following = sites[-1].site_id if len(sites) == size else ""
        return pb.ListMeasuresResponse(sites=sites, next_page_token=following)

    async def ListGrades(
        self, request: pb.ListGradesRequest, context: Context
    ) -> pb.ListGradesResponse:
        violations = Violations()
        violations.identifier("site_id", request.site_id)
        violations.raise_if_any()
        found = await self.measures.grades(request.site_id)
        return pb.ListGradesResponse(grades=[grade_message(request.site_id, g) for g in found])


def _require_own(site_id: str, agent_id: str = "") -> None:
    violations = Violations()
    violations.identifier("site_id", site_id)
    violations.raise_if_any()
    principal = current_principal()
    if principal.scope != site_id or agent_id not in ("", principal.name):
        raise PermissionDenied(OWN_SITE, f"{principal} may not report for {site_id}/{agent_id}")


def _check_window(violations: Violations, at: str, window: pb.PeerWindow) -> None:
    violations.identifier(f"{at}.peer_site_id", window.peer_site_id)
    trips = (window.rtt_min_us, window.rtt_p50_us, window.rtt_p99_us)
    violations.bounded(f"{at}.samples", window.samples, 0, SAMPLES_MAX)
    violations.bounded(f"{at}.lost", window.lost, 0, SAMPLES_MAX)
    low = 1 if window.samples else 0
    high = RTT_US_MAX if window.samples else 0
    violations.require(
        low <= trips[0] and list(trips) == sorted(trips) and trips[2] <= high,
        f"{at}.rtt_p50_us",
        f"expected {low} <= min <= p50 <= p99 <= {high}, was {trips}",
    )


def _check_vector(violations: Violations, vector: measure_pb2.ComputeVector) -> None:
    violations.identifier("vector.subject", vector.subject)
    violations.text("vector.subject", vector.subject, 64)
    violations.identifier("vector.placement_id", vector.placement_id)
    violations.bounded("vector.server_set_revision", vector.server_set_revision, 1, NUMBER_MAX)
    violations.bounded("vector.devices", vector.devices, 1, DEVICES_MAX)
    memory = vector.memory_bytes_per_s
    violations.bounded("vector.memory_bytes_per_s", memory, 0, MEMORY_BYTES_PER_S_MAX)
    violations.bounded("vector.throughputs", len(vector.throughputs), 1, THROUGHPUTS_MAX)
    kinds = set()
    for index, one in enumerate(vector.throughputs[:THROUGHPUTS_MAX]):
        at, kind = f"vector.throughputs[{index}]", (one.precision, one.sparse)
        is_new = one.precision in PRECISIONS and kind not in kinds
        violations.require(is_new, f"{at}.precision", "expected a known precision, each once")
        kinds.add(kind)
        violations.bounded(f"{at}.nominal_mops", one.nominal_mops, 0, MOPS_MAX)
        violations.bounded(f"{at}.measured_mops", one.measured_mops, 0, MOPS_MAX)
        violations.bounded(f"{at}.power_mw", one.power_mw, 0, POWER_MW_MAX)
        violations.text(f"{at}.not_measured", one.not_measured, REASON_CHARS_MAX, 0)
        violations.require(
            bool(one.measured_mops) != bool(one.not_measured),
            f"{at}.measured_mops",
            "expected a figure, or why there is none",
        )
