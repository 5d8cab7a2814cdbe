"""Asks each controller once a period for its sensors, and for what the machine takes."""

from __future__ import annotations

from functools import partial

from hexi_kit.clock import Clock, SystemClock
from hexi_kit.errors import Unavailable

from hexi_agent.sources.findings import Finding, Findings
from hexi_agent.sources.ipmi.options import IpmiOptions, IpmiTarget
from hexi_agent.sources.ipmi.parse import read_dcmi, read_sensors
from hexi_agent.sources.ipmi.tool import arguments, run
from hexi_agent.sources.polling import Poller
from hexi_agent.sources.raw import RawReading, Take

SOURCE = "ipmi"
DCMI_AGAIN_S = 3_600.0
SENSORS, DCMI = ("-c", "-v", "sdr", "elist"), ("dcmi", "power", "reading")


class IpmiSource:
    """`findings` say what could not be used, of which controller and why."""

    name = SOURCE

    def __init__(self, options: IpmiOptions, clock: Clock) -> None:
        self._options, self._clock = options, clock
        # When those that do not know the command are asked for it again.
        self._dcmi_at_s: dict[str, float] = {}
        self.findings = Findings(SOURCE)

    async def run(self, take: Take) -> None:
        targets = self._options.targets
        asks = {
            f"{one.server} {one.host or 'here'}": partial(self._look, one, take) for one in targets
        }
        clocks = (self._clock, SystemClock())
        await Poller(self._options, clocks, self.findings).run(asks)

    async def _look(self, target: IpmiTarget, take: Take) -> None:
        options = self._options
        if "sensors" in options.collect:
            printed = read_sensors(await run(options.tool, arguments(target, SENSORS)))
            self.findings.note(target.server, printed.findings)
            now_ms = self._clock.now_ms()
            readings = [
                RawReading(
                    SOURCE,
                    target.server,
                    f"ipmi/{one.type}",
                    (("entity", one.entity), ("id", one.name)),
                    one.value,
                    one.unit,
                    now_ms,
                )
                for one in printed.sensors
            ]
            if readings:
                take(readings)
        now_s = self._clock.real_monotonic_s()
        if "dcmi" in options.collect and self._dcmi_at_s.get(target.server, 0.0) <= now_s:
            await self._look_at_power(target, take)

    async def _look_at_power(self, target: IpmiTarget, take: Take) -> None:
        try:
            watts = read_dcmi(await run(self._options.tool, arguments(target, DCMI)))
        except Unavailable as error:
            if "sensors" not in self._options.collect:
                raise
            # Its sensors have just been read, so that it is there.
            self._dcmi_at_s[target.server] = self._clock.real_monotonic_s() + DCMI_AGAIN_S
            watts = Finding("no-dcmi", target.server, str(error))
        if isinstance(watts, Finding):
            self.findings.note(target.server, [watts])
        elif watts is not None:
            now_ms = self._clock.now_ms()
            take([RawReading(SOURCE, target.server, "ipmi/dcmi_power", (), watts, "W", now_ms)])


def make(options: IpmiOptions, clock: Clock) -> IpmiSource:
    """What the agent's registry of sources calls."""
    return IpmiSource(options, clock)
