"""The `hexi` command: what teams, traders and operators type."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hexi_cli import market, money, operate, security, sites, submit, telemetry, why, work
from hexi_cli.render import Printer
from hexi_cli.state import State


class Lang(StrEnum):
    """Language of titles."""

    zh = "zh"
    en = "en"


LANG = Lang.zh if os.environ.get("LANG", "").startswith("zh") else Lang.en

app = typer.Typer(
    help="Hexi (河西): the province's data centres as one machine and one market.",
    no_args_is_help=True,
)
sites.app.add_typer(operate.app)
app.add_typer(sites.app, name="site")
app.add_typer(telemetry.app, name="telemetry")
for part in (submit, work, why, market, money, security):
    app.add_typer(part.app)


@app.callback()
def options(
    context: typer.Context,
    who: Annotated[str, typer.Option("--as", envvar="HEXI_IDENTITY", help="your identity")] = "",
    state_dir: Annotated[Path, typer.Option(envvar="HEXI_STATE_DIR")] = Path(".hexi"),
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable answers")] = False,
    lang: Annotated[Lang, typer.Option(help="language of titles")] = LANG,
) -> None:
    """Options that stand before the command."""
    context.obj = State(state_dir, who, Printer(as_json, lang.value))


def run() -> None:
    app()


if __name__ == "__main__":
    run()
