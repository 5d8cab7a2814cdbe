"""What the options before the command have set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc
import typer

from hexi_cli.connect import Connection
from hexi_cli.render import Printer

Stub = TypeVar("Stub")


@dataclass(frozen=True, slots=True)
class State:
    """Handed to every command through typer's context."""

    state_dir: Path
    who: str
    printer: Printer

    def stub(self, service: str, make: Callable[[grpc.Channel], Stub]) -> Stub:
        return Connection.find(self.state_dir, self.who).stub(service, make)


def state_of(context: typer.Context) -> State:
    found = context.find_object(State)
    if found is None:
        raise RuntimeError("the command was called without its options")
    return found
