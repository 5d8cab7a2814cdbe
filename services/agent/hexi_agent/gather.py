"""Puts the sources of a site, the rules and the board together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hexi_kit.clock import Clock
from hexi_kit.logs import get_logger

from hexi_agent.backoff import Backoff
from hexi_agent.config import AgentConfig
from hexi_agent.hosts import Host, names_of
from hexi_agent.mapping.board import Board, BoardOptions
from hexi_agent.mapping.match import RuleBook
from hexi_agent.mapping.rules import Rule, read_mappings
from hexi_agent.mapping.subjects import Subjects
from hexi_agent.sources.raw import RawSource, Take

PERIODS_FRESH = 2


def make_sources(config: AgentConfig, clock: Clock) -> list[RawSource]:
    return [one.make(clock) for one in config.sources]


def read_rules(config: AgentConfig) -> list[Rule]:
    """In the order in which they are preferred.

    Raises:
        InvalidArgument: saying which file is wrong where.
    """
    mappings = read_mappings(config.mappings.files, config.mappings.shipped)
    return [rule for one in mappings for rule in one.rules]


def make_board(
    config: AgentConfig,
    hosts: Sequence[Host],
    sources: Sequence[RawSource],
    now_ms: Callable[[], int],
    rules: Sequence[Rule] | None = None,
) -> Board:
    """What a source says is fresh for two of its own looks, at least for two of our periods; where
    no `rules` are handed in, they are read."""
    periods = [max(config.period_ms, one.period_ms) for one in config.sources]
    stale_ms: dict[str, int] = {}
    for source, period_ms in zip(sources, periods, strict=True):
        known_ms = stale_ms.get(source.name, 0)
        stale_ms[source.name] = max(known_ms, PERIODS_FRESH * period_ms)
    book = RuleBook(read_rules(config) if rules is None else rules)
    subjects = Subjects(names_of(hosts), config.subjects)
    options = BoardOptions(len(hosts), config.period_ms, stale_ms)
    return Board(book, subjects, now_ms, options)


def only_wanted(sources: Sequence[RawSource], wants: Callable[..., bool]) -> None:
    """Spare the sources that can choose the work of reading what no rule asks for."""
    for source in sources:
        if hasattr(source, "wants"):
            source.wants = wants


class KeptSource:
    """A source that fails begins again: what is wrong with one dialect silences no other."""

    def __init__(self, source: RawSource, take: Take, backoff: Backoff) -> None:
        self._source, self._take, self._backoff = source, take, backoff

    async def run(self) -> None:
        while True:
            problem: Exception | None = None
            try:
                await self._source.run(self._take)
            except Exception as error:  # noqa: BLE001 - edge: the other dialects must go on
                problem = error
            name, reason = self._source.name, repr(problem) if problem else "it ended"
            get_logger().error("source.failed", source=name, reason=reason, exc_info=problem)
            await self._backoff.wait()
