"""Reads every meter once a period; meters behind one gateway after each other."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterator
from functools import partial

from hexi_kit.clock import Clock, SystemClock
from hexi_kit.errors import Unavailable
from pymodbus import ModbusException
from pymodbus.client import AsyncModbusTcpClient, AsyncModbusTlsClient
from pymodbus.pdu import ModbusPDU

from hexi_agent.sources.findings import Finding, Findings
from hexi_agent.sources.modbus.options import Meter, ModbusOptions, Register
from hexi_agent.sources.modbus.registers import Block, blocks_of, number_of
from hexi_agent.sources.polling import Ask, Poller
from hexi_agent.sources.raw import RawReading, Take
from hexi_agent.sources.unwrap import Unwrapped

SOURCE = "modbus"


class Gateway:
    """One connection, kept: many meters allow a single one."""

    def __init__(
        self, host: str, port: int, timeout_ms: int, context: ssl.SSLContext | None
    ) -> None:
        self._lock = asyncio.Lock()
        timeout_s = timeout_ms / 1_000
        # Connecting anew is ours to time: the library would go on when nobody asks.
        if context is None:
            self._client = AsyncModbusTcpClient(
                host, port=port, timeout=timeout_s, retries=0, reconnect_delay=0
            )
        else:
            self._client = AsyncModbusTlsClient(
                host, port=port, timeout=timeout_s, retries=0, reconnect_delay=0, sslctx=context
            )

    async def read(self, unit: int, block: Block) -> list[int] | Finding:
        """The words of a block, or that the meter refuses them.

        Raises:
            Unavailable: nobody answers in the meter's tongue.
        """
        async with self._lock:
            try:
                if not self._client.connected and not await self._client.connect():
                    raise Unavailable("expected a connection, was none")
                answer = await self._ask(unit, block)
            except ModbusException as error:
                self._client.close()
                raise Unavailable(str(error)[:200]) from error
            except asyncio.CancelledError:
                # Its answer would be taken for that to the next question.
                self._client.close()
                raise
        if answer.isError():
            reason = f"refused with exception {answer.exception_code}"
            return Finding("refused", f"{block.table} {block.address}+{block.words}", reason)
        return list(answer.registers)

    async def _ask(self, unit: int, block: Block) -> ModbusPDU:
        client = self._client
        ask = client.read_input_registers
        if block.table == "holding":
            ask = client.read_holding_registers
        return await ask(block.address, count=block.words, device_id=unit)

    def close(self) -> None:
        self._client.close()


class ModbusSource:
    """`findings` say what could not be used, of which meter and why."""

    name = SOURCE

    def __init__(self, options: ModbusOptions, clock: Clock) -> None:
        # What it has to say comes back as errors, which become findings.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        self._options, self._clock = options, clock
        self._blocks = {name: blocks_of(found) for name, found in options.maps.items()}
        self.findings = Findings(SOURCE)
        self._unwrapped = Unwrapped()

    async def run(self, take: Take) -> None:
        options = self._options
        context = options.tls.context() if options.tls is not None else None
        gateways: dict[tuple[str, int], Gateway] = {}
        asks: dict[str, Ask] = {}
        for one in options.targets:
            place = (one.host, options.port_of(one))
            if place not in gateways:
                gateways[place] = Gateway(*place, options.request_timeout_ms, context)
            name = f"{one.subject} {place[0]}:{place[1]}/{one.unit}"
            asks[name] = partial(self._look, gateways[place], one, take)
        try:
            clocks = (self._clock, SystemClock())
            await Poller(options, clocks, self.findings).run(asks)
        finally:
            for gateway in gateways.values():
                gateway.close()

    async def _look(self, gateway: Gateway, meter: Meter, take: Take) -> None:
        for block in self._blocks[meter.map]:
            words = await gateway.read(meter.unit, block)
            if isinstance(words, Finding):
                self.findings.note(meter.subject, [words])
                continue
            readings = list(self._readings(meter, block, words))
            if readings:
                take(readings)

    def _readings(self, meter: Meter, block: Block, words: list[int]) -> Iterator[RawReading]:
        now_ms = self._clock.now_ms()
        for register in block.registers:
            first = register.address - block.address
            stands = partial(self._stands, meter, register)
            value = number_of(register, words[first : first + register.words], stands)
            if isinstance(value, Finding):
                self.findings.note(meter.subject, [value])
            elif value is not None:
                labels = tuple(sorted(register.labels.items()))
                yield RawReading(
                    SOURCE, meter.subject, register.name, labels, value, register.unit, now_ms
                )

    def _stands(self, meter: Meter, register: Register, raw: float) -> float:
        if register.wraps is None:
            return raw
        place = (meter.host, meter.port, meter.unit, register.table, register.address)
        return self._unwrapped.at(place, raw, register.wraps)


def make(options: ModbusOptions, clock: Clock) -> ModbusSource:
    """What the agent's registry of sources calls."""
    return ModbusSource(options, clock)
