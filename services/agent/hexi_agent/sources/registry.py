"""Which dialects there are; what nobody configured is never imported."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple

from hexi_kit.clock import Clock
from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.model import BaseModel, ValidationError

from hexi_agent.sources.raw import RawSource

# The class that checks the options of a kind, in sources/<kind>/options.py; what makes the source
# of them is `make` in sources/<kind>/source.py.
OPTIONS = {
    "redfish": "RedfishOptions",
    "ipmi": "IpmiOptions",
    "modbus": "ModbusOptions",
    "snmp": "SnmpOptions",
    "openmetrics": "OpenMetricsOptions",
    "otlp": "OtlpOptions",
    "remote_write": "RemoteWriteOptions",
}


class SourceConfig(NamedTuple):
    """One entry of `sources:` that is known to be right."""

    kind: str
    options: BaseModel

    def make(self, clock: Clock) -> RawSource:
        module = import_module(f"hexi_agent.sources.{self.kind}.source")
        source: RawSource = module.make(self.options, clock)
        return source

    @property
    def period_ms(self) -> int:
        """How often it looks; 0 for one that is told."""
        return int(getattr(self.options, "period_ms", 0))


def read_source(entry: Mapping[str, object]) -> SourceConfig:
    """
    Raises:
        InvalidArgument: an unknown kind, or options it does not have.
    """
    kind = entry.get("kind")
    if kind not in OPTIONS:
        reason = f"expected one of {sorted(OPTIONS)}, was {kind!r}"
        raise InvalidArgument([Violation("kind", reason)])
    module = import_module(f"hexi_agent.sources.{kind}.options")
    model: type[BaseModel] = getattr(module, OPTIONS[str(kind)])
    given = {name: value for name, value in entry.items() if name != "kind"}
    try:
        return SourceConfig(str(kind), model.model_validate(given))
    except ValidationError as error:
        found = [
            Violation(".".join((str(kind), *map(str, one["loc"]))), one["msg"])
            for one in error.errors(include_input=False)
        ]
        raise InvalidArgument(found) from error
