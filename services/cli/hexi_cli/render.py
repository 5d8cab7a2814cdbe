"""Answers as tables for people or JSON for machines, and errors as one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import NoReturn

import grpc
import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from hexi_kit.errors import HexiError, InvalidArgument, Unavailable
from hexi_kit.rpc.status import from_rpc_error
from rich.console import Console
from rich.table import Table

from hexi_cli.connect import NotRunningError
from hexi_cli.words import title

REFUSED, USAGE, UNREACHABLE = 1, 2, 3
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
# Only a terminal has an edge: who reads a pipe or a file gets whole lines.
UNBOUNDED = 100_000
Cell = str | int


def plain(message: Message) -> dict[str, object]:
    """A message as JSON shows it: proto names, every field."""
    found: dict[str, object] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return found


def when(at_ms: int) -> str:
    """Event time as people in the province read it."""
    if not at_ms:
        return "–"
    return (
        datetime.fromtimestamp(at_ms / 1_000, UTC).astimezone(SHANGHAI).strftime("%m-%d %H:%M:%S")
    )


def yuan(fen: int) -> str:
    """Exact: no float touches money."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def yuan_of_micro(micro_yuan: int) -> str:
    return f"{micro_yuan // 1_000_000}.{micro_yuan % 1_000_000:06d}"


def enum_word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower().replace("_", " ")


class Printer:
    """Prints one way for a whole command: tables in a language, or JSON."""

    def __init__(self, as_json: bool, lang: str) -> None:
        self.as_json = as_json
        self.lang = lang
        self.console = Console()
        if not self.console.is_terminal:
            self.console.width = UNBOUNDED

    def json(self, value: object) -> None:
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))

    def messages(
        self,
        messages: Sequence[Message],
        columns: Sequence[str],
        rows: Iterable[Sequence[Cell]],
    ) -> None:
        """JSON of the messages, or a table of the rows."""
        if self.as_json:
            self.json([plain(message) for message in messages])
        else:
            self.table(columns, rows)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        table = Table()
        for column in columns:
            table.add_column(title(column, self.lang))
        for row in rows:
            table.add_row(*(f"{cell:,}" if isinstance(cell, int) else cell for cell in row))
        self.console.print(table)

    def say(self, message: Message, text: str) -> None:
        if self.as_json:
            self.json(plain(message))
        else:
            self.console.print(text, highlight=False)


@contextmanager
def told_in_one_sentence() -> Iterator[None]:
    """Turns what a service refused into text on stderr and an exit code."""
    try:
        yield
    except NotRunningError as error:
        _end(str(error), UNREACHABLE)
    except grpc.RpcError as error:
        _end_refused(from_rpc_error(error))


def _end_refused(error: HexiError) -> NoReturn:
    if isinstance(error, InvalidArgument):
        _end("\n".join(f"{v.field}: {v.reason}" for v in error.violations), REFUSED)
    _end(str(error), UNREACHABLE if isinstance(error, Unavailable) else REFUSED)


def _end(text: str, code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
