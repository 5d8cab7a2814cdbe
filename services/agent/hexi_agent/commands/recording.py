"""Readings out of a file: an exporter's page, an OTLP request, a Redfish resource, a recording."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from hexi_kit.errors import HexiError, InvalidArgument, Violation

from hexi_agent.sources.raw import RawReading, Take

FILE_BYTES_MAX = 256 * 1024**2


class Recorded(NamedTuple):
    """What a file says: readings, numbers that are none with their reason, and what was refused."""

    readings: list[RawReading]
    set_aside: Sequence[tuple[str, str]] = ()
    refused: Sequence[str] = ()


def read_recording(path: Path, subject: str, now_ms: int) -> Recorded:
    """`subject` is the server of a file that names none.

    Raises:
        InvalidArgument: the file can not be read as what its name and content say.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            with gzip.open(path) as unpacked:
                data = unpacked.read(FILE_BYTES_MAX)
        kind = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
        return _recorded(kind, data, subject, now_ms)
    except (OSError, EOFError, ValueError, TypeError, RecursionError, HexiError) as error:
        raise InvalidArgument([Violation("from", f"{path}: {error}")]) from error


def _recorded(kind: str, data: bytes, subject: str, now_ms: int) -> Recorded:
    if kind == ".jsonl":
        return Recorded([_line(line) for line in data.splitlines()])
    if kind == ".pb":
        return _otlp(data, now_ms, is_json=False)
    if kind != ".json":
        return Recorded(list(_page(data, subject, now_ms)))
    document = json.loads(data)
    if not isinstance(document, dict):
        raise ValueError("expected an object")
    if "resourceMetrics" in document:
        return _otlp(data, now_ms, is_json=True)
    return _redfish(document, subject, now_ms)


def _line(line: bytes) -> RawReading:
    source, subject, name, labels, value, unit, at_ms = json.loads(line)
    pairs = tuple((str(key), str(text)) for key, text in labels)
    return RawReading(
        str(source), str(subject), str(name), pairs, float(value), str(unit), int(at_ms)
    )


def _page(data: bytes, subject: str, now_ms: int) -> Iterator[RawReading]:
    from hexi_agent.sources.openmetrics.page import OPENMETRICS, TEXT, PageReader

    form = OPENMETRICS if data.rstrip().endswith(b"# EOF") else TEXT
    for name, labels, value, at_ms in PageReader().read(data, form):
        yield RawReading("openmetrics", subject, name, labels, value, "", at_ms or now_ms)


def _otlp(data: bytes, now_ms: int, *, is_json: bool) -> Recorded:
    from hexi_agent.sources.otlp.export import parse_json, parse_protobuf
    from hexi_agent.sources.otlp.points import PointReader

    request = parse_json(data) if is_json else parse_protobuf(data)
    told = PointReader("otlp", ("host.name", "host.id")).read(request, now_ms)
    refused = [f"{told.rejected} data points, first {told.reason}"] if told.rejected else []
    return Recorded(told.readings, refused=refused)


def _redfish(document: dict[str, object], subject: str, now_ms: int) -> Recorded:
    from hexi_agent.sources.redfish.parse import parse_resource
    from hexi_agent.sources.redfish.raw import Whose, raw_readings
    from hexi_agent.sources.redfish.report import parse_report

    parsed = (parse_report if "MetricValues" in document else parse_resource)(document)
    # A capture is as old as it is; how its values are mapped is asked, not when they were true.
    timeless = parsed._replace(readings=[one._replace(at="") for one in parsed.readings])
    readings = list(raw_readings(timeless, Whose(subject, {}), now_ms))
    refused = [f"{one.kind} {one.where}: {one.reason}" for one in parsed.findings]
    return Recorded(readings, [(one.name, one.reason) for one in parsed.set_aside], refused)


class Recorder:
    """Writes what goes by, one reading a line, as `read_recording` takes it."""

    def __init__(self, file: IO[str], take: Take) -> None:
        self._file, self._take = file, take

    def take(self, readings: Sequence[RawReading]) -> None:
        for one in readings:
            self._file.write(json.dumps(list(one), ensure_ascii=False) + "\n")
        self._take(readings)
