"""Series and live states as messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hexi.telemetry.v1 import series_pb2, telemetry_pb2
from hexi.telemetry.v1 import series_service_pb2 as rpc

from hexi_telemetry.domain.frame import Metric
from hexi_telemetry.domain.live import PPM, ProvinceLive, SiteLive
from hexi_telemetry.domain.picture import Picture
from hexi_telemetry.domain.points import Grid, Points
from hexi_telemetry.domain.series import resolution
from hexi_telemetry.ports.series import Scope

SILENT_RACKS_MAX = 64


def series_message(scope: Scope, metric: Metric, grid: Grid, points: Points) -> series_pb2.Series:
    return series_pb2.Series(
        site_id=scope.site_id,
        metric=telemetry_pb2.Metric.ValueType(metric),
        from_ms=grid.from_ms,
        step_ms=grid.step_ms,
        mean=points.mean.tolist(),
        low=points.low.tolist(),
        high=points.high.tolist(),
        coverage_ppm=points.coverage_ppm.tolist(),
        servers=points.servers.tolist(),
        revision=points.revision.tolist(),
        resolution=resolution(metric, scope.level),
    )


def picture_message(
    picture: Picture, wanted: Collection[str], with_racks: bool
) -> rpc.WatchSitesResponse:
    """The wanted sites of a picture; none named means all, and only all are summed up."""
    sites = [site for site in picture.province.sites if not wanted or site.site_id in wanted]
    silent = picture.silent if with_racks else {}
    return rpc.WatchSitesResponse(
        at_ms=picture.at_ms,
        sites=[_site_now(site, silent.get(site.site_id, ())) for site in sites],
        province=None if wanted else _province_now(picture.province),
    )


def _site_now(site: SiteLive, silent: Sequence[str]) -> series_pb2.SiteNow:
    return series_pb2.SiteNow(
        site_id=site.site_id,
        observed_at_ms=site.observed_at_ms,
        servers=site.servers,
        coverage_ppm=site.coverage_ppm,
        it_power_w=site.it_power_w,
        facility_power_w=site.facility_w,
        pue_milli=site.pue_milli,
        inlet_max_c=site.inlet_max_c,
        cpu_utilisation=site.cpu_utilisation,
        accelerator_utilisation=site.accelerator_utilisation,
        silent_racks=silent[:SILENT_RACKS_MAX],
        silent_rack_count=len(silent),
    )


def _province_now(province: ProvinceLive) -> series_pb2.ProvinceNow:
    return series_pb2.ProvinceNow(
        sites=len(province.sites),
        servers=province.servers,
        coverage_ppm=province.fresh_servers * PPM // max(1, province.servers),
        it_power_w=province.it_power_w,
        pue_milli=province.pue_milli,
    )
