"""What is published of a window: energy, PUE and its kin, each with the bounds that hold it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hexi_telemetry.domain.energy.account import NOT_ALONG, Account
from hexi_telemetry.domain.energy.agreement import Apart, Pairs, apart
from hexi_telemetry.domain.energy.bounds import PPM, Bounded, by_servers, metered, ratio
from hexi_telemetry.domain.energy.policy import EnergyPolicy

BY_METER = "facility-meter/it-meter"
BY_SERVERS = "facility-meter/server-power"
ONLY_METER = "it-meter"
ONLY_SERVERS = "server-power"
# Where IT energy is measured at the input of the servers; a sample of their demand is no energy.
AT_SERVERS, BY_DEMAND = 3, 0
# Beyond this nobody looks any closer: it fits the wire.
PUE_MAX_MILLI, MICRO_MAX = 2**32 - 1, 2**63 - 1
YEAR_MS = 365 * 86_400_000
MG_PER_WS = 3_600  # milligrams a watt-second are grams a kilowatt-hour times this many


@dataclass(frozen=True, slots=True)
class Pue:
    """Thousandths, with bounds; a building that uses less than its servers does not exist."""

    value_milli: int
    low_milli: int
    high_milli: int
    category: int
    is_interim: bool = True


@dataclass(frozen=True, slots=True)
class Indicator:
    """Millionths of its unit, with bounds."""

    name: str
    unit: str
    bounds: Bounded


@dataclass(frozen=True, slots=True)
class Rollup:
    """What is known of [start, end) of a site, without its revision."""

    site_id: str
    start_ms: int
    end_ms: int
    it_energy_ws: int
    facility_energy_ws: int
    pue: Pue | None
    coverage_ppm: int
    boundary: str
    frames: int
    indicators: tuple[Indicator, ...] = ()
    # The facility's meter said less than its servers use, beyond all bounds.
    is_impossible: bool = False


def roll_up(
    site_id: str, account: Account, policy: EnergyPolicy, first: Pairs | None = None
) -> Rollup:
    """`first` is how servers and IT meter stood to each other at first, where that is known."""
    width_ms = account.end_ms - account.start_ms
    facility = metered(
        account.facility, account.facility_along, width_ms, policy.facility_meter_ppm, policy
    )
    it, category = _it(account, policy, first)
    by_meter = category not in (AT_SERVERS, BY_DEMAND)
    pue, is_impossible = None, False
    if facility is not None and facility.value and it.value:
        bounds = ratio(facility, it, 1_000)
        is_impossible = bounds.high < 1_000
        if not is_impossible:
            low, value, high = (min(max(1_000, bound), PUE_MAX_MILLI) for bound in bounds)
            pue = Pue(value, low, high, category, width_ms < YEAR_MS)
    boundary = (
        (BY_METER if by_meter else BY_SERVERS)
        if facility is not None
        else (ONLY_METER if by_meter else ONLY_SERVERS)
    )
    covered = account.covered_server_ms * PPM // max(1, account.expected_server_ms)
    return Rollup(
        site_id,
        account.start_ms,
        account.end_ms,
        it.value,
        facility.value if facility is not None else 0,
        pue,
        min(PPM, covered),
        boundary,
        account.frames,
        _indicators(account, facility, it, policy) if pue is not None else (),
        is_impossible,
    )


def _it(account: Account, policy: EnergyPolicy, first: Pairs | None) -> tuple[Bounded, int]:
    """By the IT meter where it is sound, and else by the servers; with the category."""
    width_ms = account.end_ms - account.start_ms
    it = metered(account.it, account.it_along, width_ms, policy.it_meter_ppm, policy)
    if it is None or not it.value:
        expected, bridged = account.expected_server_ms, account.bridged_server_ms
        is_energy = bridged * PPM >= expected * policy.known_min_ppm
        return by_servers(account, policy), AT_SERVERS if is_energy else BY_DEMAND
    if first is not None:
        it = _doubted(it, apart(account.pairs, first))
    return it, policy.it_meter_category


def _doubted(it: Bounded, apart: Apart) -> Bounded:
    """One of the two witnesses may have drifted, nobody knows which: the bound takes in both."""
    doubt_ppm = abs(apart.ppm)
    # The line is unsure too, which only counts where something has drifted for sure.
    doubt_ppm += min(max(doubt_ppm - apart.unsure_ppm, 0), apart.unsure_ppm)
    doubt = it.value * doubt_ppm // PPM
    if apart.ppm > 0:
        return it._replace(high=it.high + doubt)
    return it._replace(low=max(0, it.low - doubt))


def _indicators(
    account: Account, facility: Bounded | None, it: Bounded, policy: EnergyPolicy
) -> tuple[Indicator, ...]:
    width_ms = account.end_ms - account.start_ms
    found = []
    if facility is not None and account.carbon_mg and account.facility.counted:
        counted = account.facility.counted
        carbon = Bounded(*(account.carbon_mg * flow // counted for flow in facility))
        found.append(Indicator("CUE", "g/(kW.h)", ratio(carbon, it, MG_PER_WS * PPM)))
    renewable = metered(account.renewable, NOT_ALONG, width_ms, policy.renewable_meter_ppm, policy)
    if facility is not None and renewable is not None:
        share = ratio(renewable, facility, PPM)
        found.append(Indicator("REF", "1", Bounded(*(min(PPM, part) for part in share))))
    water = metered(account.water, NOT_ALONG, width_ms, policy.water_meter_ppm, policy)
    if water is not None:
        found.append(Indicator("WUE", "L/(kW.h)", ratio(water, it, MG_PER_WS * PPM)))
    return tuple(
        replace(one, bounds=Bounded(*(min(bound, MICRO_MAX) for bound in one.bounds)))
        for one in found
    )
