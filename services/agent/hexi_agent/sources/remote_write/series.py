"""Series of a remote write request as readings, each series judged for itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from google.protobuf.message import DecodeError
from hexi.agent.v1 import remote_write_pb2 as pb
from hexi_kit.errors import InvalidArgument, Violation

from hexi_agent.sources.raw import RawReading
from hexi_agent.sources.subject import host_of

NAME_LABEL = "__name__"

Labels = tuple[tuple[str, str], ...]
Request = TypeVar("Request", pb.WriteRequest, pb.WriteRequestV2)


class Series(NamedTuple):
    """One series of either version; `histograms` are not read."""

    labels: Labels
    unit: str
    samples: Iterable[pb.Sample]
    histograms: int


class Told(NamedTuple):
    """In order of time; `rejected` counts samples, `reason` is what was wrong first."""

    readings: list[RawReading]
    rejected: int
    reason: str


def series_of_1(body: bytes) -> Iterator[Series]:
    """Version 1.0.

    Raises:
        InvalidArgument: this is no such request.
    """
    for one in _parse(pb.WriteRequest, body).timeseries:
        labels = tuple(sorted((label.name, label.value) for label in one.labels))
        yield Series(labels, "", one.samples, len(one.histograms))


def series_of_2(body: bytes) -> Iterator[Series]:
    """Version 2.0.

    Raises:
        InvalidArgument: this is no such request, or speaks of symbols it does not have.
    """
    request = _parse(pb.WriteRequestV2, body)
    symbols = list(request.symbols)
    for one in request.timeseries:
        refs = one.labels_refs
        try:
            words = [symbols[ref] for ref in refs]
            unit = symbols[one.metadata.unit_ref] if one.metadata.unit_ref else ""
        except IndexError as error:
            raise _wrong("a reference to a symbol that is not there") from error
        if len(words) % 2:
            raise _wrong("expected a value for each label")
        labels = tuple(sorted(zip(words[::2], words[1::2], strict=True)))
        yield Series(labels, unit, one.samples, len(one.histograms))


def readings_of(source: str, server_labels: Sequence[str], found: Iterable[Series]) -> Told:
    """A series of no machine goes on without a subject: whether that is of use, rules say."""
    readings: list[RawReading] = []
    rejected, reason = 0, ""
    for labels, unit, samples, histograms in found:
        given = dict(labels)
        wrong = _wrong_with(labels, given)
        if wrong or histograms:
            rejected += histograms + (len(list(samples)) if wrong else 0)
            reason = reason or wrong or "native histograms are not taken"
        if wrong:
            continue
        name = given[NAME_LABEL]
        subject = next((host_of(given[one]) for one in server_labels if given.get(one)), "")
        rest = tuple(pair for pair in labels if pair[0] != NAME_LABEL)
        readings += [
            RawReading(source, subject, name, rest, one.value, unit, one.timestamp)
            for one in samples
        ]
    readings.sort(key=lambda one: one.at_ms)
    return Told(readings, rejected, reason)


def _wrong_with(labels: Labels, given: dict[str, str]) -> str:
    if not given.get(NAME_LABEL):
        return f"expected a series with {NAME_LABEL}"
    if len(given) < len(labels) or "" in given:
        return f"{given[NAME_LABEL][:80]}: expected each label once and with a name"
    return ""


def _parse(kind: type[Request], body: bytes) -> Request:
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise _wrong("expected a remote write request in protobuf") from error


def _wrong(reason: str) -> InvalidArgument:
    return InvalidArgument([Violation("body", reason)])
