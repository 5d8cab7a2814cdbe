"""What a tenant pays when a voucher pays its share: the same sums as `cover`, all sites at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hexi_scheduler.domain.route.ranking import COST_MAX, RANK_BITS, RANK_MASK, Ints
from hexi_scheduler.domain.route.shelf import Shelf
from hexi_scheduler.domain.vouchers import WHOLE_MILLI, Voucher


def after_vouchers(
    keys: Ints, shelf: Shelf, vouchers: Sequence[Voucher], unit_slots: int, at_ms: int
) -> Ints:
    """Keys of a shelf, less what vouchers pay; in no order."""
    covers = [voucher for voucher in vouchers if voucher.covers(shelf.class_id, at_ms)]
    if not covers:
        return keys
    paid = np.zeros(len(shelf.sites), np.int64)
    thousands, rest = np.divmod(shelf.prices, WHOLE_MILLI)  # a product of the price may be too much
    for voucher in reversed(covers):  # the first of the policy is written last
        share, most = voucher.share_milli, min(COST_MAX, voucher.most_micro_yuan(unit_slots))
        part = np.minimum(thousands * share + rest * share // WHOLE_MILLI, most)
        named = voucher.site_ids
        rows = slice(None) if not named else [shelf.row_of[s] for s in named if s in shelf.row_of]
        paid[rows] = part[rows]
    paid_of_keys = paid[shelf.ranks.searchsorted(keys & RANK_MASK)]
    found: Ints = keys - (np.minimum(paid_of_keys, keys >> RANK_BITS) << RANK_BITS)
    return found
