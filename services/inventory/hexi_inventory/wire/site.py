"""Sites and their records, both ways."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from hexi.inventory.v1 import inventory_pb2 as pb
from hexi_kit.errors import Poison
from hexi_kit.rpc.validate import Violations

from hexi_inventory.domain.admission import State
from hexi_inventory.domain.record import SiteRecord
from hexi_inventory.domain.site import Contact, Site
from hexi_inventory.wire.maintenance import (
    check_maintenance,
    maintenance_messages,
    maintenance_of,
)

# Narrower than other identifiers: the name is also a part of the agents' SPIFFE ids.
SITE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
GREEN_GRADE = re.compile(r"([1-5]A)?")
TEXT_CHARS_MAX = 200
LIST_MAX = 200
RACKS_MAX = 1_000_000
POWER_W_MAX = 10**11
PRICE_MICRO_YUAN_MAX = 10**12
ONE_WAY_US_MAX = 10_000_000
TIME_MS_MAX = 253_402_300_799_000
HOURS = 24
PUE_MILLI = (1_000, 5_000)
CARBON_G_PER_KWH = (0, 2_000)


def check_site_id(found: Violations, field: str, site_id: str) -> None:
    if not SITE_ID.fullmatch(site_id):
        found.require(False, field, f"expected a site id, was {site_id[:80]!r}")


def check_site(found: Violations, site: pb.Site) -> None:
    """Collect all that is wrong with the facts; what a rule must judge is left to the rule."""
    check_site_id(found, "site.site_id", site.site_id)
    for field in ("name_zh", "name_en", "hub", "cluster", "region", "operator"):
        found.text(f"site.{field}", getattr(site, field), TEXT_CHARS_MAX)
    for field in ("name", "email", "phone"):
        found.text(f"site.contact.{field}", getattr(site.contact, field), TEXT_CHARS_MAX, 0)
    found.bounded("site.standard_racks", site.standard_racks, 1, RACKS_MAX)
    found.bounded("site.racks_in_use", site.racks_in_use, 0, max(0, site.standard_racks))
    found.bounded("site.design_power_w", site.design_power_w, 1, POWER_W_MAX)
    found.bounded("site.rack_power_w", site.rack_power_w, 1, 1_000_000)
    found.bounded("site.pue_milli", site.pue_milli, *PUE_MILLI)
    found.bounded("site.security_grade", site.security_grade, 0, 5)
    found.bounded("site.carbon_g_per_kwh", site.carbon_g_per_kwh, *CARBON_G_PER_KWH)
    _check_hours(found, "site.pue_milli_by_hour", site.pue_milli_by_hour, PUE_MILLI)
    _check_hours(
        found, "site.carbon_g_per_kwh_by_hour", site.carbon_g_per_kwh_by_hour, CARBON_G_PER_KWH
    )
    found.bounded("site.latitude_e6", site.latitude_e6, -90_000_000, 90_000_000)
    found.bounded("site.longitude_e6", site.longitude_e6, -180_000_000, 180_000_000)
    grade = site.green_grade
    found.require(
        GREEN_GRADE.fullmatch(grade) is not None,
        "site.green_grade",
        f"expected 1A to 5A or nothing, was {grade[:20]!r}",
    )
    found.require(
        not site.commissioned_on or _is_date(site.commissioned_on),
        "site.commissioned_on",
        f"expected YYYY-MM-DD or nothing, was {site.commissioned_on[:20]!r}",
    )
    _check_lists(found, site)
    check_maintenance(found, site.maintenance)


def _check_hours(
    found: Violations, field: str, by_hour: Sequence[int], bounds: tuple[int, int]
) -> None:
    found.require(
        len(by_hour) in (0, HOURS), field, f"expected {HOURS} values or none, was {len(by_hour)}"
    )
    for hour, value in enumerate(by_hour[:HOURS]):
        found.bounded(f"{field}[{hour}]", value, *bounds)


def _check_lists(found: Violations, site: pb.Site) -> None:
    for field in ("prices", "latencies", "agent_fingerprints"):
        found.bounded(f"site.{field}", len(getattr(site, field)), 0, LIST_MAX)
    for price in site.prices[:LIST_MAX]:
        found.text("site.prices.class_id", price.class_id, 64)
        found.bounded(
            "site.prices.price_micro_yuan", price.price_micro_yuan, 1, PRICE_MICRO_YUAN_MAX
        )
    for latency in site.latencies[:LIST_MAX]:
        found.text("site.latencies.region", latency.region, 64)
        found.bounded("site.latencies.one_way_us", latency.one_way_us, 1, ONE_WAY_US_MAX)
    for field, names in (
        ("site.prices", [price.class_id for price in site.prices]),
        ("site.latencies", [latency.region for latency in site.latencies]),
        ("site.agent_fingerprints", list(site.agent_fingerprints)),
    ):
        found.require(len(set(names)) == len(names), field, "expected every name once")
    for fingerprint in site.agent_fingerprints[:LIST_MAX]:
        found.require(
            FINGERPRINT.fullmatch(fingerprint) is not None,
            "site.agent_fingerprints",
            f"expected 64 lower-case hex digits, was {fingerprint[:80]!r}",
        )


def site_of(message: pb.Site) -> Site:
    return Site(
        site_id=message.site_id,
        name_zh=message.name_zh,
        name_en=message.name_en,
        hub=message.hub,
        cluster=message.cluster,
        region=message.region,
        operator=message.operator,
        contact=Contact(message.contact.name, message.contact.email, message.contact.phone),
        standard_racks=message.standard_racks,
        racks_in_use=message.racks_in_use,
        design_power_w=message.design_power_w,
        rack_power_w=message.rack_power_w,
        existing=message.existing,
        start_zone=message.start_zone,
        pue_milli=message.pue_milli,
        green_grade=message.green_grade,
        security_grade=message.security_grade,
        state_owned_cloud=message.state_owned_cloud,
        carbon_g_per_kwh=message.carbon_g_per_kwh,
        prices=tuple((p.class_id, p.price_micro_yuan) for p in message.prices),
        latencies=tuple((x.region, x.one_way_us) for x in message.latencies),
        commissioned_on=message.commissioned_on,
        agent_fingerprints=tuple(message.agent_fingerprints),
        pue_milli_by_hour=tuple(message.pue_milli_by_hour),
        carbon_g_per_kwh_by_hour=tuple(message.carbon_g_per_kwh_by_hour),
        latitude_e6=message.latitude_e6,
        longitude_e6=message.longitude_e6,
        maintenance=maintenance_of(message.maintenance),
    )


def site_message(site: Site) -> pb.Site:
    return pb.Site(
        site_id=site.site_id,
        name_zh=site.name_zh,
        name_en=site.name_en,
        hub=site.hub,
        cluster=site.cluster,
        region=site.region,
        operator=site.operator,
        contact=pb.Contact(
            name=site.contact.name, email=site.contact.email, phone=site.contact.phone
        ),
        standard_racks=site.standard_racks,
        racks_in_use=site.racks_in_use,
        design_power_w=site.design_power_w,
        rack_power_w=site.rack_power_w,
        existing=site.existing,
        start_zone=site.start_zone,
        pue_milli=site.pue_milli,
        green_grade=site.green_grade,
        security_grade=site.security_grade,
        state_owned_cloud=site.state_owned_cloud,
        carbon_g_per_kwh=site.carbon_g_per_kwh,
        prices=[pb.Price(class_id=c, price_micro_yuan=p) for c, p in site.prices],
        latencies=[pb.Latency(region=r, one_way_us=us) for r, us in site.latencies],
        commissioned_on=site.commissioned_on,
        agent_fingerprints=site.agent_fingerprints,
        pue_milli_by_hour=site.pue_milli_by_hour,
        carbon_g_per_kwh_by_hour=site.carbon_g_per_kwh_by_hour,
        latitude_e6=site.latitude_e6,
        longitude_e6=site.longitude_e6,
        maintenance=maintenance_messages(site.maintenance),
    )


def recorded(record: SiteRecord) -> pb.SiteRecorded:
    return pb.SiteRecorded(
        site=site_message(record.site),
        revision=record.revision,
        state=state_number(record.state),
        site_class=pb.SiteClass.ValueType(record.site_class),
        recorded_at_ms=record.recorded_at_ms,
    )


def state_number(state: State) -> pb.AdmissionState.ValueType:
    return pb.AdmissionState.ValueType(state)


def state_of(number: int) -> State:
    """The state of a stored or received number."""
    try:
        return State(number)
    except ValueError:
        raise Poison(f"expected a known admission state, was {number}") from None


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
