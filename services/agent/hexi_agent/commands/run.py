"""`hexi-agent run`: measures, sends and works until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hexi_kit.apart import read_apart

if TYPE_CHECKING:
    from hexi_agent.told import Told


def run(chosen: argparse.Namespace) -> int:
    """Each file is a site."""
    told = read_apart(partial(_read, chosen.config, chosen.validate))
    # Not before: from here on models are plain.
    from hexi_agent.serve import serve

    return asyncio.run(serve(told))


def _read(files: Sequence[Path], is_asked: bool) -> Told:
    from hexi_agent.told import read_told

    return read_told(files, is_asked)
