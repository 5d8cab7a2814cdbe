"""Asks every SNMP agent once a period for the objects of its map."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from hexi_kit.clock import Clock, SystemClock
from pysnmp.hlapi.v3arch.asyncio import SnmpEngine

from hexi_agent.sources.findings import Finding, Findings
from hexi_agent.sources.polling import Poller
from hexi_agent.sources.raw import RawReading, Take
from hexi_agent.sources.snmp.client import Agent
from hexi_agent.sources.snmp.options import Object, SnmpOptions, SnmpTarget, User
from hexi_agent.sources.snmp.values import Said, number_of
from hexi_agent.sources.unwrap import Unwrapped

SOURCE = "snmp"


class SnmpSource:
    """`findings` say what could not be used, of which target and why."""

    name = SOURCE

    def __init__(self, options: SnmpOptions, clock: Clock) -> None:
        self._options, self._clock = options, clock
        self.findings = Findings(SOURCE)
        self._unwrapped = Unwrapped()

    async def run(self, take: Take) -> None:
        options = self._options
        # Inside the running loop, and one for each set of keys.
        engines: dict[User | None, Any] = {}
        asks = {}
        for target in options.targets:
            if target.user not in engines:
                engines[target.user] = SnmpEngine()
            agent = Agent(engines[target.user], target, options)
            asks[f"{target.subject} {target.host}:{target.port}"] = partial(
                self._look, agent, target, take
            )
        try:
            clocks = (self._clock, SystemClock())
            await Poller(options, clocks, self.findings).run(asks)
        finally:
            for engine in engines.values():
                engine.close_dispatcher()

    async def _look(self, agent: Agent, target: SnmpTarget, take: Take) -> None:
        objects = self._options.maps[target.map]
        single = [one for one in objects if not one.table]
        if single:
            said = await agent.get([one.oid for one in single])
            found = [(one, "", what) for one, what in zip(single, said, strict=True)]
            self._hand_over(target, found, take)
        for column in objects:
            if column.table:
                rows = await agent.walk(column.oid)
                self._hand_over(target, [(column, row.place, row.said) for row in rows], take)

    def _hand_over(
        self, target: SnmpTarget, found: list[tuple[Object, str, Said]], take: Take
    ) -> None:
        readings = list(self._readings(target, found))
        if readings:
            take(readings)

    def _readings(
        self, target: SnmpTarget, found: list[tuple[Object, str, Said]]
    ) -> Iterator[RawReading]:
        now_ms = self._clock.now_ms()
        for wanted, index, said in found:
            value = number_of(wanted, said, partial(self._stands, target, wanted, index))
            if isinstance(value, Finding):
                self.findings.note(target.subject, [value])
            elif value is not None:
                labels = wanted.labels | ({"index": index} if index else {})
                told = tuple(sorted(labels.items()))
                yield RawReading(
                    SOURCE, target.subject, wanted.name, told, value, wanted.unit, now_ms
                )

    def _stands(self, target: SnmpTarget, wanted: Object, index: str, raw: float) -> float:
        if wanted.wraps is None:
            return raw
        return self._unwrapped.at((target.host, target.port, wanted.oid, index), raw, wanted.wraps)


def make(options: SnmpOptions, clock: Clock) -> SnmpSource:
    """What the agent's registry of sources calls."""
    return SnmpSource(options, clock)
