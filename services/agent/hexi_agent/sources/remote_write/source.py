"""Takes what Prometheus and its kin push."""

from __future__ import annotations

from hexi_kit.clock import Clock

from hexi_agent.sources.http_door import Answer, Headers, HttpDoor, NotTaken
from hexi_agent.sources.intake import Intake
from hexi_agent.sources.pushed import PushedSource
from hexi_agent.sources.remote_write.options import RemoteWriteOptions
from hexi_agent.sources.remote_write.series import readings_of, series_of_1, series_of_2

PROTOBUF = "application/x-protobuf"
VERSIONS = {
    "": series_of_1,
    "prometheus.WriteRequest": series_of_1,
    "io.prometheus.write.v2.Request": series_of_2,
}
TAKEN = "X-Prometheus-Remote-Write-{}-Written"


class RemoteWrite:
    """The dialect of versions 1.0 and 2.0: 204 is all, 400 is all that was right."""

    def __init__(self, options: RemoteWriteOptions, intake: Intake) -> None:
        self._options, self._intake = options, intake

    def receive(self, headers: Headers, body: bytes) -> Answer:
        read = VERSIONS.get(_message_of(headers.get("Content-Type", "")))
        if read is None:
            raise NotTaken(415, f"expected {PROTOBUF} of {' or '.join(VERSIONS)[4:]}")
        self._intake.admit()
        options = self._options
        told = readings_of(options.name, options.server_labels, read(body))
        taken, rejected, reason = self._intake.offer(told.readings, told.rejected, told.reason)
        counts = {
            TAKEN.format("Samples"): str(taken),
            TAKEN.format("Histograms"): "0",
            TAKEN.format("Exemplars"): "0",
        }
        if rejected:
            return Answer(400, f"{rejected} not taken: {reason}\n".encode(), headers=counts)
        return Answer(204, headers=counts)

    def refuse(self, headers: Headers, status: int, reason: str) -> Answer:
        return Answer(status, f"{reason}\n".encode())


class RemoteWriteSource(PushedSource):
    """`port` is known when it is open."""

    def __init__(self, options: RemoteWriteOptions, clock: Clock) -> None:
        intake = Intake(options.name, clock, options.readings_per_s_max)
        routes = {options.path: RemoteWrite(options, intake)}
        self._door = HttpDoor(options.name, options.http, routes)
        super().__init__(options.name, intake, [self._door])

    @property
    def port(self) -> int:
        return self._door.port


def make(options: RemoteWriteOptions, clock: Clock) -> RemoteWriteSource:
    """What the agent's registry of sources calls."""
    return RemoteWriteSource(options, clock)


def _message_of(content_type: str) -> str:
    """Which message the body is; not a name of any where it is no protobuf."""
    form, *parameters = (part.strip() for part in content_type.split(";"))
    if form.lower() != PROTOBUF:
        return form or "nothing"
    given = dict(part.partition("=")[::2] for part in parameters)
    return given.get("proto", "").strip('"')
