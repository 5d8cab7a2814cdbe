"""Chooses how a column of readings travels: few bytes that lose less than its sensor does."""

from __future__ import annotations

from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_kit.columns import Encoding, Flags, Floats, Packed, pack, pack_fixed

_W, _C, _SHARE = (0.1, 0.5), (0.01,), (2e-5,)
COLDEST_C = -100.0
# Steps of fixed point, finest first; a reading is off by half a step at most: 0.05 W up to 6.5 kW
# and 0.25 W above, 0.005 degrees, 0.001 % of utilisation, half a turn a minute.
# Metrics not named here span too much for 16 bits and stay binary32.
STEPS: dict[int, tuple[float, ...]] = {
    pb.METRIC_POWER_W: _W,
    pb.METRIC_ACCELERATOR_POWER_W: _W,
    pb.METRIC_INLET_TEMPERATURE_C: _C,
    pb.METRIC_OUTLET_TEMPERATURE_C: _C,
    pb.METRIC_CPU_TEMPERATURE_C: _C,
    pb.METRIC_ACCELERATOR_TEMPERATURE_C: _C,
    pb.METRIC_CPU_UTILISATION: _SHARE,
    pb.METRIC_MEMORY_UTILISATION: _SHARE,
    pb.METRIC_ACCELERATOR_UTILISATION: _SHARE,
    pb.METRIC_FAN_SPEED_RPM: (1.0,),
}


def column_of(metric: int, values: Floats, good: Flags | None) -> pb.Column:
    """Readings of servers that are not good may be anything."""
    packed = _packed(metric, values, good)
    return pb.Column(
        metric=pb.Metric.ValueType(metric),
        values=packed.values,
        encoding=pb.Encoding.ValueType(packed.encoding),
        scale=packed.scale,
        offset=packed.offset,
        values_bytes=packed.values_bytes,
    )


def _packed(metric: int, values: Floats, good: Flags | None) -> Packed:
    steps = STEPS.get(metric, ())
    offset = COLDEST_C if steps is _C else 0.0
    for step in steps:
        packed = pack_fixed(values, step, offset, good)
        if packed.encoding == Encoding.FIXED16:
            return packed
    return pack(values)
