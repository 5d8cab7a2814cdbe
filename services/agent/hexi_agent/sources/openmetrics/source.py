"""Scrapes exporters once a period, and says of each whether it is up."""

from __future__ import annotations

from collections.abc import Sequence

from hexi_kit.clock import Clock, SystemClock
from hexi_kit.metrics import counter

from hexi_agent.sources.findings import Finding, Findings
from hexi_agent.sources.intake import Intake
from hexi_agent.sources.openmetrics.fetch import Exporters
from hexi_agent.sources.openmetrics.looks import PROVED_EVERY, Forms, Known, Looks
from hexi_agent.sources.openmetrics.options import ExporterTarget, OpenMetricsOptions
from hexi_agent.sources.openmetrics.page import Labels, PageReader, PageSample, Wants, everything
from hexi_agent.sources.openmetrics.rounds import Rounds
from hexi_agent.sources.openmetrics.scrape import UP, Scrape, Told
from hexi_agent.sources.polling import Poller
from hexi_agent.sources.raw import RawReading, Take
from hexi_agent.sources.shape import PageReadings, RawSeries
from hexi_agent.sources.subject import host_of


class OpenMetricsSource:
    """A page is believed whole or not at all, as far as it is looked at. A reading is as old as the
    question for its page, unless the page says another time. `wants` may be set before it runs."""

    def __init__(self, options: OpenMetricsOptions, clock: Clock) -> None:
        self.name = name = options.name
        self.wants: Wants = everything
        self.findings = Findings(name)
        self._options, self._clock = options, clock
        self._intake = Intake(name, clock)
        self._has_told = set[str]()

    async def run(self, take: Take) -> None:
        self._intake.connect(take)
        options, forms = self._options, Forms(PageReader(self.wants), self._series)
        told, real_clock = Told(self._offer, self._tell, self._clock.now_ms), SystemClock()
        poller = Poller(options, (self._clock, real_clock), self.findings)
        with Exporters(options) as exporters:
            scrapes = list[Scrape]()
            for number, target in enumerate(options.targets):
                url, looks = target.asking_for(options.collect), Looks(forms, number % PROVED_EVERY)
                scrapes.append(Scrape(target, url, looks, exporters, told))
            await Rounds(options, real_clock, poller).run(scrapes)

    def _tell(self, target: ExporterTarget, asked_ms: int, outcome: str) -> None:
        counter("agent.scrapes").add(1, {"outcome": outcome})
        # As any reading that no rule asks for: it is told once.
        if target.url not in self._has_told or self.wants(UP, ()):
            self._has_told.add(target.url)
            reading = RawReading(
                self.name, target.subject, UP, (), float(outcome == UP), "", asked_ms
            )
            self._intake.offer([reading])

    def _offer(
        self, target: ExporterTarget, asked_ms: int, found: Known | list[PageSample]
    ) -> None:
        taken = self._intake.offer(self._readings(target, asked_ms, found))
        if taken.rejected:
            self.findings.note(target.url, [Finding("rejected", target.subject, taken.reason)])

    def _readings(
        self, target: ExporterTarget, asked_ms: int, found: Known | list[PageSample]
    ) -> Sequence[RawReading]:
        name, subject = self.name, target.subject
        if isinstance(found, Known):
            return PageReadings((name, subject), found.shape, found.values, asked_ms)
        readings = list[RawReading]()
        for sample, labels, value, at_ms in found:
            own, _, kept = self._series(sample, labels)
            when_ms = asked_ms if at_ms is None else at_ms
            readings.append(RawReading(name, own or subject, sample, kept, value, "", when_ms))
        return readings

    def _series(self, name: str, labels: Labels) -> RawSeries:
        """Whose it is, said by the subject alone: without it the same labels serve all servers."""
        label = self._options.server_label
        if not label:
            return RawSeries("", name, labels)
        kept = tuple(one for one in labels if one[0] != label)
        return RawSeries(_server(labels, label), name, kept)


def _server(labels: Labels, label: str) -> str:
    """A federation names a target by host and port."""
    return next((host_of(value) for name, value in labels if name == label), "")


def make(options: OpenMetricsOptions, clock: Clock) -> OpenMetricsSource:
    """What the agent's registry of sources calls."""
    return OpenMetricsSource(options, clock)
