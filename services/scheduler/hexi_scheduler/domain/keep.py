"""The dated rules by which PLACE keeps capacity back: spare, headroom, penalties, notice."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.workload import GENERAL, WHOLE, Resources

ByClass = tuple[tuple[str, int], ...]
NOBODY = 2**31


class SpareRules(NamedTuple):
    """Shares of a class, in thousandths, that every site keeps for work from `priority_min` on.

    `province_min` are units of a class that are to stay free over all sites.
    """

    priority_min: int = NOBODY
    share_milli: ByClass = ()
    share_milli_other: int = 0
    province_min: ByClass = ()

    def units(self, class_id: str, units_total: int) -> int:
        """What a site keeps of so many."""
        share = dict(self.share_milli).get(class_id, self.share_milli_other)
        return units_total * share // 1_000


class HeadroomRules(NamedTuple):
    """Racks are planned up to `load_milli` of their limit; an estimate fades into what is measured.

    Watts of a class are those of one accelerator, for general servers of one vCPU.
    """

    load_milli: int = 1_000
    fade_ms: int = 15 * 60 * 1_000
    power_w: ByClass = ()
    power_w_other: int = 0

    def power_w_of(self, class_id: str, asked: Resources) -> int:
        """Estimated draw of one replica, rounded up."""
        power_w = dict(self.power_w).get(class_id, self.power_w_other)
        general = class_id == GENERAL
        milli = asked.cpu_milli if general else asked.accelerators * asked.device_milli
        return -(-power_w * milli // WHOLE)


class PenaltyRules(NamedTuple):
    """After `strikes_max` failures a server is out; for twice as long with each one more."""

    strikes_max: int = 3
    window_ms: int = 60 * 60 * 1_000
    backoff_ms: int = 10 * 60 * 1_000
    backoff_ms_max: int = 24 * 60 * 60 * 1_000


class KeepRules(NamedTuple):
    """Without policy nothing is kept spare.

    Work of unknown length keeps away from maintenance that begins within `notice_ms`.
    """

    spare: SpareRules = SpareRules()
    headroom: HeadroomRules = HeadroomRules()
    penalty: PenaltyRules = PenaltyRules()
    notice_ms: int = 24 * 60 * 60 * 1_000
