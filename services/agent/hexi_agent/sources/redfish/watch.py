"""One controller: first what it has, then its readings again and again."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from hexi_kit.clock import Clock
from hexi_kit.errors import NotFound, Unavailable

from hexi_agent.sources.findings import Finding, Findings
from hexi_agent.sources.raw import Take
from hexi_agent.sources.redfish.client import Controller
from hexi_agent.sources.redfish.crawl import RESOURCES_MAX, Crawl
from hexi_agent.sources.redfish.document import Document, type_of
from hexi_agent.sources.redfish.parse import parse_resource
from hexi_agent.sources.redfish.place import ROOT
from hexi_agent.sources.redfish.raw import Whose, raw_readings
from hexi_agent.sources.redfish.report import parse_report

CRAWL_EVERY_S = 3_600.0
# Looking for what is new must not hold up what is known.
CRAWL_REQUESTS_AT_ONCE = 8
REPORTS = "/TelemetryService/MetricReports/"
# Reports that come by themselves are not asked for as long as they come.
PUSHED_FOR_S = 120.0
ASKED_SOON_MAX = 64
# A resource that hangs while others answer is left alone for so long.
REST_S = 60.0
FAILED_MAX = 2


@dataclass(frozen=True, slots=True)
class Hand:
    """Where a watch puts what it finds."""

    take: Take
    findings: Findings
    clock: Clock


@dataclass(slots=True)
class _Look:
    """How one look went so far: a controller that answers nothing is left alone as a whole."""

    answered: int = 0
    failed: list[str] = field(default_factory=list)
    last: Unavailable | None = None

    @property
    def goes_on(self) -> bool:
        return len(self.failed) < FAILED_MAX


class ControllerWatch:
    """`look` may be broken off at any await and goes on there the next time."""

    def __init__(
        self, controller: Controller, whose: Whose, collect: Collection[str], hand: Hand
    ) -> None:
        self.controller = controller
        self._whose, self._collect, self._hand = whose, collect, hand
        self._crawl: Crawl | None = Crawl(collect)
        self._crawl_at_s = self._pushed_until_s = 0.0
        self._plan: list[str] = []
        self._gone: set[str] = set()
        self._soon: deque[str] = deque(maxlen=ASKED_SOON_MAX)
        self._resting: dict[str, float] = {}
        self._next = 0

    async def look(self) -> None:
        look = _Look()
        await self._find_out(look)
        while self._soon and look.goes_on:
            await self._ask(self._soon.popleft(), look)
        now_s = self._hand.clock.real_monotonic_s()
        skipped = REPORTS if now_s < self._pushed_until_s else "none"
        for _ in range(len(self._plan)):
            if not look.goes_on:
                break
            path = self._plan[self._next % len(self._plan)]
            # Before the answer: if it hangs here, the others come first next time.
            self._next += 1
            if skipped not in path and self._resting.get(path, 0.0) <= now_s:
                await self._ask(path, look)
        self._plan = [path for path in self._plan if path not in self._gone]
        if look.last is not None and not look.answered:
            raise look.last
        self._resting.update((path, now_s + REST_S) for path in look.failed)

    def take(self, document: Document) -> None:
        """Whatever resource it is, asked for or sent."""
        is_report = type_of(document) == "MetricReport" or "MetricValues" in document
        parsed = parse_report(document) if is_report else parse_resource(document)
        hand, skew_ms = self._hand, self.controller.skew_ms
        readings = list(raw_readings(parsed, self._whose, hand.clock.now_ms(), skew_ms))
        hand.findings.note(self.controller.name, parsed.findings)
        if readings:
            hand.take(readings)

    def take_pushed(self, reports: Collection[Document], paths: Collection[str]) -> None:
        """Reports as they are, and those of which the controller only says that they are new."""
        for report in reports:
            self._pushed_until_s = self._hand.clock.real_monotonic_s() + PUSHED_FOR_S
            self.take(report)
        self._soon.extend(path for path in paths if path not in self._soon)

    async def _ask(self, path: str, look: _Look) -> None:
        document = await self._get(path, look)
        if document is not None:
            self.take(document)

    async def _find_out(self, look: _Look) -> None:
        now_s = self._hand.clock.real_monotonic_s()
        if self._crawl is None and now_s >= self._crawl_at_s:
            self._crawl = Crawl(self._collect)
        crawl = self._crawl
        if crawl is None:
            return
        left = CRAWL_REQUESTS_AT_ONCE if self._plan else RESOURCES_MAX
        while crawl.todo and left and look.goes_on:
            path, left = crawl.todo[0], left - 1
            document = await self._get(path, look)
            if document is not None:
                crawl.learn(path, document)
                if type_of(document) == "ComputerSystem":
                    self.take(document)
            elif path == ROOT:
                raise look.last or Unavailable(f"{self.controller.name}: expected Redfish")
            elif path in look.failed:
                crawl.postpone(path)
            else:
                crawl.give_up(path)
        if not crawl.todo:
            self._learn_plan(crawl)
            self._crawl_at_s = now_s + CRAWL_EVERY_S

    def _learn_plan(self, crawl: Crawl) -> None:
        name, found = self.controller.name, list(crawl.findings)
        if not crawl.plan:
            found.append(Finding("nothing-to-read", name, "expected sensors, was none"))
        self._hand.findings.note(name, found)
        self._plan, self._crawl, self._next = crawl.plan, None, 0
        self._gone.clear()

    async def _get(self, path: str, look: _Look) -> Document | None:
        try:
            found = await self.controller.get(path)
            look.answered += 1
        except NotFound as error:
            found = Finding("not-there", path, str(error))
            look.answered += 1
            self._gone.add(path)
        except Unavailable as error:
            found = Finding("no-answer", path, str(error))
            look.failed.append(path)
            look.last = error
        if isinstance(found, Finding):
            self._hand.findings.note(self.controller.name, [found])
            return None
        return found
