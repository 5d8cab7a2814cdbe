"""The worker's side of the log: one Faust app with ROUTE, PLACE and CONDITION, and who feeds it."""

from __future__ import annotations

from typing import Any

from hexi_contracts import topics
from hexi_kit.clock import SystemClock
from hexi_kit.journal.app import JournalApp, JournalAppOptions, build_app
from hexi_kit.journal.commands import CommandHandler, handle_commands
from hexi_kit.kafka.consumer import ConsumerGroup, ConsumerOptions
from hexi_kit.kafka.deadletter import DeadLetterBudget, DeadLetters
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.process import Process

from hexi_scheduler.domain.place.policy import Packing
from hexi_scheduler.domain.policies import Policies
from hexi_scheduler.stream.conditions import Conditions
from hexi_scheduler.stream.facts import HEARD, Facts
from hexi_scheduler.stream.place_stage import PlaceStage
from hexi_scheduler.stream.route_stage import RouteStage
from hexi_scheduler.stream.site_states import SiteStates
from hexi_scheduler.stream.stage import StageParts
from hexi_scheduler.stream.ticker import Ticker

GROUP = "scheduler-worker"
INPUTS = (topics.SCHEDULER_REQUEST, topics.SCHEDULER_COMMAND, topics.TELEMETRY_FRAME)
START_TIMEOUT_S = 5.0
# Small turns: ROUTE may not run ahead of PLACE, which has to carry what it decides.
RECORDS_PER_TURN = 64


class WorkerDoor:
    """Builds the parts; `hang` adds them to the process in the order in which they need another."""

    def __init__(
        self,
        process: Process,
        options: JournalAppOptions,
        policies: Policies,
        site_state_interval_ms: int,
    ) -> None:
        self._process, self._options = process, options
        clock, real = process.clock, SystemClock()
        producer = EventProducer(options.bootstrap, process.identity, "scheduler", clock)
        self._producer = producer
        self.app = app = build_app(options)
        letters = DeadLetters(
            {topic.name: topic for topic in INPUTS}, GROUP, producer, real, DeadLetterBudget()
        )
        self._states = SiteStates(producer, clock, real, site_state_interval_ms, policies.fair)
        routes = StageParts(app.journal(topics.SCHEDULER_ROUTE, real), producer, letters, real)
        places = StageParts(app.journal(topics.SCHEDULER_PLACEMENT, real), producer, letters, real)
        self.route = RouteStage(routes, policies.route, clock, policies.fair)
        packing = Packing(policies.packing)
        packing.warm_up()
        self.place = PlaceStage(places, packing, clock, self._states.note, policies.fair)
        self._conditions = Conditions(
            policies.conditions, producer, letters, clock, self.place.site
        )
        handlers: tuple[CommandHandler, ...] = (
            self.route.handle,
            self.place.handle,
            self._conditions.handle,
        )
        for topic, handler in zip(INPUTS, handlers, strict=True):
            app.agent(app.channel_of(topic), name=f"hear {topic.name}")(_agent(app, handler))

    def hang(self, tick_interval_s: int) -> None:
        process, options = self._process, self._options
        lifecycle, producer = process.lifecycle, self._producer
        facts = Facts(producer, process.clock)
        group = ConsumerGroup(
            ConsumerOptions(
                options.bootstrap,
                process.identity,
                "scheduler-facts",
                tuple(HEARD.values()),
                f"{options.instance_id}-facts",
            ),
            facts.handle,
            publisher=producer,
            clock=process.clock,
        )
        ticker = Ticker(producer, process.clock, tick_interval_s)
        lifecycle.add("producer", producer.start, producer.stop)
        lifecycle.add("app", self.app.start, self.app.stop, START_TIMEOUT_S)
        lifecycle.add_background("facts", group.run)
        lifecycle.add_background("route wakes", self.route.wake)
        lifecycle.add_background("place wakes", self.place.wake)
        lifecycle.add_background("states", lambda: self._states.run(self.place.site))
        lifecycle.add_background("ticks", lambda: ticker.run(self.place.sites))
        lifecycle.add_background("silence", lambda: self._conditions.run(tick_interval_s))


def _agent(app: JournalApp, handler: CommandHandler) -> Any:
    async def hear(stream: Any) -> None:
        await handle_commands(app, stream, handler, RECORDS_PER_TURN)

    return hear
