"""Scrapes exporters once a period, and says of each whether it is up."""

from __future__ import annotations

from functools import partial

from hexi_kit.clock import Clock, SystemClock
from hexi_kit.errors import HexiError, Unavailable
from hexi_kit.metrics import counter

from hexi_agent.sources.findings import Finding, Findings
from hexi_agent.sources.intake import Intake
from hexi_agent.sources.openmetrics.fetch import Exporters
from hexi_agent.sources.openmetrics.options import ExporterTarget, OpenMetricsOptions
from hexi_agent.sources.openmetrics.page import (
    Labels,
    PageError,
    PageReader,
    PageSample,
    Wants,
    everything,
)
from hexi_agent.sources.polling import Poller
from hexi_agent.sources.raw import RawReading, Take
from hexi_agent.sources.subject import host_of

UP = "up"


class OpenMetricsSource:
    """A page is believed whole or not at all. A reading is as old as the question for its page,
    unless the page says another time. `wants` may be set before it runs."""

    def __init__(self, options: OpenMetricsOptions, clock: Clock) -> None:
        self.name = name = options.name
        self.wants: Wants = everything
        self.findings = Findings(name)
        self._options, self._clock = options, clock
        self._intake = Intake(name, clock)
        self._reader = PageReader()

    async def run(self, take: Take) -> None:
        self._intake.connect(take)
        self._reader = PageReader(self.wants)
        poller = Poller(self._options, (self._clock, SystemClock()), self.findings)
        async with Exporters(self._options) as exporters:
            targets = self._options.targets
            asks = {one.url: partial(self._scrape, exporters, one) for one in targets}
            await poller.run(asks)

    async def _scrape(self, exporters: Exporters, target: ExporterTarget) -> None:
        asked_ms = self._clock.now_ms()
        try:
            page = await exporters.page(target.url)
            samples = self._reader.read(page.body, page.content_type)
        except PageError as error:
            self._tell(target, asked_ms, "malformed")
            raise Unavailable(f"malformed page: {error}") from error
        except HexiError:
            self._tell(target, asked_ms, "failed")
            raise
        self._offer(target, asked_ms, samples)
        self._tell(target, asked_ms, UP)

    def _tell(self, target: ExporterTarget, asked_ms: int, outcome: str) -> None:
        counter("agent.scrapes").add(1, {"outcome": outcome})
        is_up = float(outcome == UP)
        self._intake.offer([RawReading(self.name, target.subject, UP, (), is_up, "", asked_ms)])

    def _offer(self, target: ExporterTarget, asked_ms: int, samples: list[PageSample]) -> None:
        name, subject, label = self.name, target.subject, self._options.server_label
        readings = [
            RawReading(
                name,
                _server(labels, label) or subject if label else subject,
                sample,
                # Said by the subject; without it the same labels serve all servers.
                tuple(one for one in labels if one[0] != label) if label else labels,
                value,
                "",
                asked_ms if at_ms is None else at_ms,
            )
            for sample, labels, value, at_ms in samples
        ]
        taken = self._intake.offer(readings)
        if taken.rejected:
            self.findings.note(target.url, [Finding("rejected", target.subject, taken.reason)])


def _server(labels: Labels, label: str) -> str:
    """A federation names a target by host and port."""
    return next((host_of(value) for name, value in labels if name == label), "")


def make(options: OpenMetricsOptions, clock: Clock) -> OpenMetricsSource:
    """What the agent's registry of sources calls."""
    return OpenMetricsSource(options, clock)
