"""Goal: a number is covered by a key that is on disk, or not given. Method: the key file alone, and
under a line of frames."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_agent.columns import STEPS, column_of
from hexi_agent.domain.spool_record import Mark
from hexi_agent.frame import FrameSigner
from hexi_agent.keys import ASKED_FILE, DAY_MS, FILE, FrameKeys, KeyRules
from hexi_agent.spool import SpoolLimits, StreamName
from hexi_agent.spool.line import Line
from hexi_kit.columns import Packed, unpack
from hexi_kit.identity import Principal
from hexi_kit.keys import Algorithm, PublicKey
from hexi_kit.testing.pki import Pki

AGENT = ("lanzhou", "1")
NAME = StreamName(*AGENT, 1)


def ids(keys: FrameKeys, *numbers: int) -> list[str]:
    return [key.private.key_id if (key := keys.of(1, n)) else "" for n in numbers]


def test_a_key_signs_for_its_days_and_the_next_takes_over_at_a_number(tmp_path: Path) -> None:
    keys = FrameKeys(tmp_path, KeyRules(days=2))
    for number, day in ((1, 0), (2, 1), (3, 2), (4, 3)):
        keys.cover(1, number, 0, day * DAY_MS)

    first, second, third, fourth = ids(keys, 1, 2, 3, 4)

    assert first == second != third == fourth
    assert ids(FrameKeys(tmp_path, KeyRules()), 1, 2, 3, 4) == [first, second, third, fourth]
    assert ids(keys, 0) == [""]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_what_is_decided_needs_no_key_any_more(tmp_path: Path) -> None:
    keys = FrameKeys(tmp_path, KeyRules(days=1))
    for number in range(1, 6):
        keys.cover(1, number, number - 2, number * DAY_MS)

    assert ids(keys, 3) == [""]
    assert len(keys) == 2


def test_a_new_epoch_and_another_algorithm_get_a_key_of_their_own(tmp_path: Path) -> None:
    FrameKeys(tmp_path, KeyRules()).cover(1, 1, 0, 0)
    keys = FrameKeys(tmp_path, KeyRules(Algorithm.ECDSA_P256_SHA256))

    keys.cover(1, 7, 3, 0)
    assert [keys.of(1, n).private.algorithm for n in (6, 7)] == [2, 1]
    keys.cover(2, 1, 0, 0)
    assert (len(keys), keys.of(1, 7)) == (1, None)


@pytest.mark.parametrize("damage", ["", "{}", '{"keys": [{}]}', '{"keys": 7}', "\0garbage"])
def test_who_lost_the_keys_begins_a_new_epoch(damage: str, tmp_path: Path) -> None:
    line = Line(tmp_path, AGENT, 100, SpoolLimits(), FrameKeys(tmp_path, KeyRules()))
    line.append(lambda number, _: b"frame %d" % number, Mark(0, 100))
    line.close()
    (tmp_path / FILE).write_text(damage)

    again = Line(tmp_path, AGENT, 200, SpoolLimits(), FrameKeys(tmp_path, KeyRules()))

    assert (again.stream.name.epoch, again.mark.sequence) == (200, 0)
    again.append(lambda number, _: b"frame", Mark(0, 200))
    [kept] = json.loads((tmp_path / FILE).read_text())["keys"]
    assert (kept["epoch"], kept["from_sequence"]) == (200, 1)


def test_no_number_is_given_while_no_key_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(tmp_path, AGENT, 100, SpoolLimits(), FrameKeys(tmp_path, KeyRules()))

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("os.fsync", full)
        with pytest.raises(OSError):
            line.append(lambda number, _: b"frame", Mark(0, 100))
    assert line.mark.sequence == 0
    line.append(lambda number, _: b"frame", Mark(0, 100))
    assert line.mark.sequence == 1


def test_each_session_states_each_key_once_before_what_it_signs(tmp_path: Path) -> None:
    identity = Pki(tmp_path / "pki").identity(Principal("agent", "1", "lanzhou"))
    keys = FrameKeys(tmp_path, KeyRules(days=1))
    for number in (1, 2, 3, 4):
        keys.cover(1, number, 0, number // 3 * DAY_MS)
    signer = FrameSigner(identity, keys)

    sent = [r for n in (1, 2, 3, 4) for r in signer.requests(NAME, n, b"frame %d" % n)]

    assert [r.WhichOneof("item") for r in sent] == [
        "key",
        "frame",
        "frame",
        "key",
        "frame",
        "frame",
    ]
    stated = [pb.KeyStatement.FromString(r.key.statement) for r in sent if r.HasField("key")]
    assert [key.from_sequence for key in stated] == [1, 3]
    again = FrameSigner(identity, keys).requests(NAME, 4, b"frame 4")
    assert next(again).key.statement == sent[3].key.statement
    verifier = PublicKey.load(Algorithm.SM2_SM3, stated[1].public_key)
    assert verifier.has_signed(sent[-1].frame.frame, sent[-1].frame.signature)


def back(column: pb.Column, count: int) -> np.ndarray:
    head = column.encoding, column.scale, column.offset, column.values_bytes
    return unpack(Packed(column.values, *head), count)


@pytest.mark.parametrize("metric", sorted(STEPS))
def test_rounding_loses_less_than_the_sensor_does(metric: int) -> None:
    values = np.linspace(0.0, 1.0, 997, dtype="<f4")
    if metric not in (3, 4, 5):
        values = values * (6_000 if pb.Metric.Name(metric).endswith(("_W", "_RPM")) else 95)

    column = column_of(metric, values.astype("<f4"), None)

    assert column.encoding == pb.ENCODING_FIXED16
    assert np.abs(back(column, 997) - values).max() <= STEPS[metric][0] / 2 + 5e-4


def test_large_servers_are_rounded_to_half_a_watt_and_larger_ones_not_at_all() -> None:
    rack, hall = np.array([14_300.2, 900.0], "<f4"), np.array([48_000.25, 0.0], "<f4")

    assert back(column_of(1, rack, None), 2).tolist() == [14_300.0, 900.0]
    assert back(column_of(1, hall, None), 2).tolist() == [48_000.25, 0.0]
    assert column_of(7, hall, None).encoding == pb.ENCODING_UNSPECIFIED


def test_a_reading_that_is_missing_or_not_good_stays_away() -> None:
    values = np.array([300.0, np.nan, np.inf], "<f4")

    column = column_of(1, values, np.array([True, True, False]))

    assert column.encoding == pb.ENCODING_FIXED16
    assert np.isnan(back(column, 3)).tolist() == [False, True, True]


def test_a_key_that_is_asked_for_takes_over_at_the_next_number(tmp_path: Path) -> None:
    keys = FrameKeys(tmp_path, KeyRules())
    keys.cover(1, 1, 0, 0)
    (tmp_path / ASKED_FILE).touch()

    keys.cover(1, 2, 0, 1)
    keys.cover(1, 3, 0, 2)

    first, second, third = ids(keys, 1, 2, 3)
    assert first != second == third
    assert not (tmp_path / ASKED_FILE).exists()
    assert keys.newest is keys.of(1, 3)


def test_a_key_that_is_asked_for_is_not_forgotten_by_who_can_not_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = FrameKeys(tmp_path, KeyRules())
    keys.cover(1, 1, 0, 0)
    (tmp_path / ASKED_FILE).touch()

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("os.fsync", full)
        with pytest.raises(OSError):
            keys.cover(1, 2, 0, 0)

    assert (tmp_path / ASKED_FILE).exists()
    keys.cover(1, 2, 0, 0)
    assert len(set(ids(keys, 1, 2))) == 2
