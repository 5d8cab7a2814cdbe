"""The six sites of the 2+N layout, sized to the fleet asked for, and a small one beside them."""

from __future__ import annotations

from dataclasses import dataclass

from hexi.inventory.v1 import inventory_pb2

SERVERS_PER_RACK = 20
STANDARD_RACK_W = 2_500
RACK_W = 10_000
# Yuan an hour as micro-yuan a slot: one yuan an hour is 250,000 micro-yuan for 15 minutes.
PRICES = {
    "general": 15_000,
    "T4": 500_000,
    "A100": 2_500_000,
    "Ascend-910B": 2_000_000,
    "Hygon-DCU": 1_400_000,
    # Accelerators of the openb trace.
    "A10": 700_000,
    "P100": 600_000,
    "V100M16": 1_000_000,
    "V100M32": 1_200_000,
    "G2": 700_000,
    "G3": 2_200_000,
}


# How much of the contracted solar power is there, in percent, by hour of the day.
SUN_PERCENT = (0, 0, 0, 0, 0, 0, 2, 12, 30, 52, 72, 88, 97, 100, 96, 86, 70, 48, 26, 9, 1, 0, 0, 0)
SOLAR_PERCENT = 60
NOON_PUE_MILLI = 20  # more than at night


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What differs from site to site; `share` is thousandths of the fleet."""

    site_id: str
    name_zh: str
    name_en: str
    cluster: str
    share: int
    pue_milli: int
    carbon_g_per_kwh: int
    price_percent: int
    east_us: int
    security_grade: int
    state_owned_cloud: bool
    latitude_e6: int
    longitude_e6: int
    holds_this_machine: bool = False


SITES = (
    SiteFacts(
        *("lanzhou", "兰州", "Lanzhou", "lanzhou", 250, 1_240, 380, 108, 16_500, 4, True),
        *(36_061_000, 103_834_000, True),
    ),
    SiteFacts(
        *("qingyang", "庆阳", "Qingyang", "qingyang", 333, 1_170, 210, 92, 13_200, 3, True),
        *(35_709_000, 107_643_000),
    ),
    SiteFacts(
        *("jinchang", "金昌", "Jinchang", "hexi", 125, 1_210, 190, 95, 19_100, 3, False),
        *(38_520_000, 102_188_000),
    ),
    SiteFacts(
        *("zhangye", "张掖", "Zhangye", "hexi", 100, 1_220, 170, 94, 20_400, 3, False),
        *(38_926_000, 100_450_000),
    ),
    SiteFacts(
        *("jiuquan", "酒泉", "Jiuquan", "hexi", 109, 1_200, 140, 90, 22_300, 3, False),
        *(39_733_000, 98_494_000),
    ),
    SiteFacts(
        *("lanzhou-new-area", "兰州新区", "Lanzhou New Area", "lanzhou", 83, 1_230, 350, 100),
        *(16_900, 4, True, 36_480_000, 103_640_000),
    ),
)


# Nothing of it is simulated in its agent: it asks an exporter, as that of a real site does.
CONNECTED = SiteFacts(
    *("dunhuang", "敦煌", "Dunhuang", "hexi", 0, 1_190, 130, 90, 24_000, 3, False),
    *(40_142_000, 94_662_000),
)
CONNECTED_SERVERS = 40
ALL_SITES = (*SITES, CONNECTED)


def servers_of(facts: SiteFacts, servers: int) -> int:
    """This site's part of a fleet of `servers`; the last site takes what rounding leaves."""
    if facts is CONNECTED:
        return CONNECTED_SERVERS
    if facts is SITES[-1]:
        return servers - sum(servers_of(other, servers) for other in SITES[:-1])
    return max(1, servers * facts.share // 1_000)


def site(facts: SiteFacts, servers: int, fingerprint: str) -> inventory_pb2.Site:
    """The site as it is registered."""
    racks = -(-servers_of(facts, servers) // SERVERS_PER_RACK)
    power_w = racks * RACK_W
    return inventory_pb2.Site(
        site_id=facts.site_id,
        name_zh=facts.name_zh,
        name_en=facts.name_en,
        hub="gansu",
        cluster=facts.cluster,
        region="gansu",
        operator=f"operator-{facts.site_id}",
        contact=inventory_pb2.Contact(
            name="duty desk", email=f"duty@{facts.site_id}.example", phone="+86-931-0000000"
        ),
        standard_racks=power_w // STANDARD_RACK_W,
        racks_in_use=power_w // STANDARD_RACK_W * 8 // 10,
        design_power_w=power_w,
        rack_power_w=RACK_W,
        start_zone=facts.cluster == "qingyang",
        pue_milli=facts.pue_milli,
        green_grade="5A",
        security_grade=facts.security_grade,
        state_owned_cloud=facts.state_owned_cloud,
        carbon_g_per_kwh=facts.carbon_g_per_kwh,
        prices=[
            inventory_pb2.Price(
                class_id=class_id, price_micro_yuan=price * facts.price_percent // 100
            )
            for class_id, price in PRICES.items()
        ],
        latencies=[
            inventory_pb2.Latency(region="gansu", one_way_us=3_000),
            inventory_pb2.Latency(region="east", one_way_us=facts.east_us),
        ],
        commissioned_on="2025-03-01",
        agent_fingerprints=[fingerprint],
        pue_milli_by_hour=_pue_by_hour(facts),
        carbon_g_per_kwh_by_hour=_carbon_by_hour(facts),
        latitude_e6=facts.latitude_e6,
        longitude_e6=facts.longitude_e6,
    )


def _carbon_by_hour(facts: SiteFacts) -> list[int]:
    """About the flat value over a day: more at night, less at noon."""
    night = facts.carbon_g_per_kwh * 100 // (100 - SOLAR_PERCENT // 2)
    return [night * (10_000 - sun * SOLAR_PERCENT) // 10_000 for sun in SUN_PERCENT]


def _pue_by_hour(facts: SiteFacts) -> list[int]:
    return [facts.pue_milli + sun * NOON_PUE_MILLI // 100 for sun in SUN_PERCENT]
