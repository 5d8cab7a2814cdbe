"""What a frame costs: bytes a server by encoding, servers a second to pack and read, and signatures
a second by algorithm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import psutil
from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_agent.columns import column_of
from hexi_agent.domain.load import Load
from hexi_agent.domain.physics import Meters, SitePhysics
from hexi_agent.fleet import make_layout
from hexi_kit.columns import Floats, pack
from hexi_kit.keys import Algorithm, PrivateKey, PublicKey
from hexi_kit.signing import sm3
from hexi_telemetry.wire.frames import parse_frame

from tests.bench.figures import show

SERVERS = 5_000
ENOUGH_S, CHUNK = 1.0, 20
NOW_MS = 1_800_000_000_000
Columns = dict[int, Floats]
Encode = Callable[[int, Floats], pb.Column]


@dataclass(frozen=True, slots=True)
class Way:
    """One manner of writing a column down."""

    name: str
    encode: Encode


def _raw(metric: int, values: Floats) -> pb.Column:
    return pb.Column(metric=pb.Metric.ValueType(metric), values=values.tobytes())


def _zstd(metric: int, values: Floats) -> pb.Column:
    packed = pack(values)
    size = packed.values_bytes
    metric_of = pb.Metric.ValueType(metric)
    return pb.Column(metric=metric_of, values=packed.values, values_bytes=size)


def _chosen(metric: int, values: Floats) -> pb.Column:
    return column_of(metric, values, None)


WAYS = (Way("float32", _raw), Way("float32_zstd", _zstd), Way("chosen", _chosen))


def fleet_columns() -> Columns:
    """Eight metrics of a simulated site, half of it at work."""
    layout = make_layout("bench", SERVERS, seed=1, host_server=False)
    load, dice = Load(SERVERS), np.random.default_rng(1)
    seen = SitePhysics(layout, load, 1, 1_200).step(Meters(NOW_MS - 10_000, 0, 0), NOW_MS)
    busy = dice.beta(0.6, 0.6, SERVERS)
    found = {
        pb.METRIC_POWER_W: seen.power_w * (1 + busy),
        pb.METRIC_INLET_TEMPERATURE_C: seen.inlet_c + dice.normal(0, 0.5, SERVERS),
        pb.METRIC_CPU_UTILISATION: busy,
        pb.METRIC_MEMORY_UTILISATION: dice.beta(2, 2, SERVERS),
        pb.METRIC_ACCELERATOR_UTILISATION: np.where(busy > 0.5, busy, 0.0),
        pb.METRIC_ACCELERATOR_TEMPERATURE_C: 30 + 50 * busy + dice.normal(0, 2, SERVERS),
        pb.METRIC_NETWORK_RX_BYTES_PER_S: dice.lognormal(16, 2, SERVERS),
        pb.METRIC_NETWORK_TX_BYTES_PER_S: dice.lognormal(15, 2, SERVERS),
    }
    return {int(metric): values.astype("<f4") for metric, values in found.items()}


def frame_of(columns: Columns, way: Way) -> bytes:
    return pb.Frame(
        site_id="bench",
        agent_id="1",
        epoch=1,
        sequence=1,
        server_set_revision=1,
        observed_at_ms=NOW_MS,
        period_ms=10_000,
        count=SERVERS,
        columns=[way.encode(metric, values) for metric, values in columns.items()],
        previous_digest=bytes(32),
    ).SerializeToString(deterministic=True)


def rate(work: Callable[[], object]) -> float:
    """Times in a second of one core's work, whoever else uses the machine."""
    process, times = psutil.Process(), 0
    began_s = sum(process.cpu_times()[:2])
    while (busy_s := sum(process.cpu_times()[:2]) - began_s) < ENOUGH_S:
        for _ in range(CHUNK):
            work()
        times += CHUNK
    return times / busy_s


def _signatures(frame: bytes) -> Iterator[tuple[str, float]]:
    yield "digest", rate(lambda: sm3(frame))
    for algorithm in Algorithm:
        own = PrivateKey.generate(algorithm)
        other = PublicKey.load(algorithm, own.public_der())
        signature = own.sign(frame)
        name = algorithm.name.partition("_")[0].lower()
        yield f"{name}_sign", rate(lambda own=own: own.sign(frame))
        yield (
            f"{name}_verify",
            rate(lambda other=other, signature=signature: other.has_signed(frame, signature)),
        )


def run() -> None:
    columns = fleet_columns()
    for way in WAYS:
        frame = frame_of(columns, way)
        show(f"frames.{way.name}.bytes_a_server", len(frame) / SERVERS, "By", metrics=len(columns))
        encoded = rate(lambda way=way: frame_of(columns, way))
        show(f"frames.{way.name}.encode", encoded * SERVERS, "servers/s")
        show(
            f"frames.{way.name}.decode", rate(lambda f=frame: parse_frame(f)) * SERVERS, "servers/s"
        )
    frame = frame_of(columns, WAYS[-1])
    for name, times in _signatures(frame):
        show(f"frames.{name}", times, "frames/s", frame_bytes=len(frame))


def main() -> None:
    run()
