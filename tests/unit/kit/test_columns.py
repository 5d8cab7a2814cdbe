"""Goal: a column comes back within half a step, and no bytes make its reader do more than it
expects. Method: round trips over drawn numbers, and bytes changed at random."""

from __future__ import annotations

import numpy as np
import pytest
import zstandard
from hexi_kit.columns import BadColumn, Encoding, Packed, pack, pack_fixed, unpack
from hexi_kit.ids import seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

COUNT = 64
fit = arrays.arrays(np.float32, COUNT, elements=st.floats(-40, 600, width=32))
anything = arrays.arrays(np.float32, COUNT, elements=st.floats(width=32))


@settings(max_examples=200, deadline=None)
@given(fit, st.sampled_from([0.01, 0.1, 1.0]))
def test_fixed_point_loses_at_most_half_a_step(values: np.ndarray, step: float) -> None:
    back = unpack(pack_fixed(values, step, -40.0), COUNT)

    # binary32 itself rounds numbers of this size by up to 2e-5.
    assert np.abs(back.astype(float) - values.astype(float)).max() <= step / 2 + 6e-5


@settings(max_examples=200, deadline=None)
@given(anything)
def test_binary32_comes_back_bit_for_bit(values: np.ndarray) -> None:
    assert unpack(pack(values), COUNT).tobytes() == values.tobytes()


@settings(max_examples=200, deadline=None)
@given(anything, arrays.arrays(np.bool_, COUNT))
def test_what_does_not_fit_is_never_made_to_fit(values: np.ndarray, good: np.ndarray) -> None:
    packed = pack_fixed(values, 0.1, 0.0, good)
    back = unpack(packed, COUNT)

    if packed.encoding == Encoding.FLOAT32:
        assert back.tobytes() == values.tobytes()
        return
    near = np.abs(back.astype(float) - values.astype(float)) <= 0.05 + 1e-3
    assert (near | np.isnan(back))[good].all()
    assert (np.isnan(back) == np.isnan(values))[good].all()


def test_zstd_is_taken_where_it_pays() -> None:
    idle = np.zeros(5_000, np.float32)
    noise = np.frombuffer(seeded(1).randbytes(20_000), "<f4")

    assert pack(idle).values_bytes == 20_000 and len(pack(idle).values) < 100
    assert pack(noise) == Packed(noise.tobytes())
    assert len(pack_fixed(idle, 0.1).values) < 100


ZIPPED = pack_fixed(np.arange(COUNT, dtype=np.float32) % 3, 1.0)
BOMB = zstandard.ZstdCompressor().compress(bytes(1 << 24))
SIZELESS = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(2 * COUNT))
BAD = {
    "another size": Packed(bytes(4 * COUNT - 1)),
    "an unknown encoding": Packed(bytes(4 * COUNT), 2),
    "a scale for binary32": Packed(bytes(4 * COUNT), 0, 1.0),
    "an offset for binary32": Packed(bytes(4 * COUNT), 0, 0.0, 1.0),
    "no scale": Packed(bytes(2 * COUNT), 1),
    "a negative scale": Packed(bytes(2 * COUNT), 1, -1.0),
    "a scale that is no number": Packed(bytes(2 * COUNT), 1, float("nan")),
    "an endless offset": Packed(bytes(2 * COUNT), 1, 1.0, float("inf")),
    "values beyond binary32": Packed(bytes(2 * COUNT), 1, 1e38),
    "a bomb": Packed(BOMB, 1, 1.0, 0.0, 2 * COUNT),
    "a bomb that says so": Packed(BOMB, 1, 1.0, 0.0, 1 << 24),
    "a size that zstd does not tell": Packed(SIZELESS, 1, 1.0, 0.0, 2 * COUNT),
    "no zstd": Packed(b"", 1, 1.0, 0.0, 2 * COUNT),
    "more behind it": ZIPPED._replace(values=ZIPPED.values + b"x"),
    "two of them": ZIPPED._replace(values=ZIPPED.values * 2),
}


@pytest.mark.parametrize("name", BAD)
def test_anything_else_is_a_bad_column(name: str) -> None:
    with pytest.raises(BadColumn):
        unpack(BAD[name], COUNT)


def test_changed_zstd_is_values_or_a_bad_column() -> None:
    dice = seeded(4)
    assert ZIPPED.values_bytes
    for _ in range(2_000):
        changed = bytearray(ZIPPED.values)
        changed[dice.randrange(len(changed))] ^= dice.randint(1, 255)
        end = dice.choice([len(changed), dice.randrange(len(changed))])
        try:
            values = unpack(ZIPPED._replace(values=bytes(changed[:end])), COUNT)
        except BadColumn:
            continue
        assert len(values) == COUNT
