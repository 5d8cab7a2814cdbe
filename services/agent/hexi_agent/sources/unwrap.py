"""Counters that begin anew when their register is full, counted on."""

from __future__ import annotations

from collections.abc import Hashable

# Of its range: a counter that was this near to the end and is as near to the beginning has gone
# past its end; any other that went back was reset, and so is what we tell of it.
NEAR = 1 / 8


class Unwrapped:
    """One per source. After a restart counting begins with what the register says, as of a meter
    that was reset."""

    def __init__(self) -> None:
        self._last: dict[Hashable, tuple[float, int]] = {}

    def at(self, counter: Hashable, raw: float, bits: int) -> float:
        """Where a counter of so many bits stands that has `raw` in its register now."""
        whole = 1 << bits
        last, turns = self._last.get(counter, (raw, 0))
        if raw < last:
            is_past = last >= whole * (1 - NEAR) and raw < whole * NEAR
            turns = turns + 1 if is_past else 0
        self._last[counter] = (raw, turns)
        return turns * whole + raw
