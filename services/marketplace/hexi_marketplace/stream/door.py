"""Everything of the marketplace that talks to Kafka, hung in order of need."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hexi_contracts.topics import MARKETPLACE_ORDER
from hexi_kit.kafka.deadletter import DeadLetterBudget, DeadLetters
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.kafka.tail import LogTail
from hexi_kit.process import Process

from hexi_marketplace.domain.market import Market
from hexi_marketplace.domain.supply import Supply
from hexi_marketplace.handlers.sweep_holds import SweepHolds
from hexi_marketplace.stream.facts import FACT_TOPICS, Facts
from hexi_marketplace.stream.matcher import Matcher, MatcherParts
from hexi_marketplace.stream.order_log import KafkaOrderLog
from hexi_marketplace.stream.outputs import Broker
from hexi_marketplace.stream.timers import GateKeeper, Sweeper

NAME = "marketplace"


class StreamDoor:
    """`log` takes commands as soon as the producer has started."""

    def __init__(
        self,
        process: Process,
        bootstrap: str,
        market: Market,
        supply: Supply,
        on_changed: Callable[[Iterable[str]], None],
    ) -> None:
        clock, identity = process.clock, process.identity
        self._process, self._market = process, market
        self.producer = EventProducer(bootstrap, identity, NAME, clock)
        topics = {topic.name: topic for topic in (*FACT_TOPICS, MARKETPLACE_ORDER)}
        dead_letters = DeadLetters(topics, NAME, self.producer, clock, DeadLetterBudget())
        self.log = KafkaOrderLog(self.producer, clock)
        self._facts = Facts(supply, dead_letters)
        self._tail = LogTail(bootstrap, identity, FACT_TOPICS, self._facts.apply)
        parts = MatcherParts(market, self.producer, dead_letters, on_changed)
        self._matcher = Matcher(Broker(bootstrap, identity, clock), parts)

    def hang(self, sweep: SweepHolds, sweep_interval_s: int) -> None:
        """Ready once the supply and the order log have been read."""
        lifecycle, clock = self._process.lifecycle, self._process.clock
        gates = GateKeeper(self._market, self.log, clock)
        sweeper = Sweeper(sweep, clock, sweep_interval_s)
        lifecycle.add("producer", self.producer.start, self.producer.stop)
        lifecycle.add_background("dead facts", self._facts.run)
        lifecycle.add_background("facts", self._tail.run)
        lifecycle.add_background("matcher", self._matcher.run)
        lifecycle.add("supply", self._tail.caught_up.wait)
        lifecycle.add("market", self._matcher.caught_up.wait)
        lifecycle.add_background("gates", gates.run)
        lifecycle.add_background("sweep", sweeper.run)
