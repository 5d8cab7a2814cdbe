"""Runs ipmitool: a list of arguments and no shell, an end in time, a bound on what it may print."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hexi_kit.errors import Unavailable

from hexi_agent.sources.ipmi.options import IpmiTarget

OUTPUT_BYTES_MAX = 1024 * 1024
SAID_CHARS_MAX = 160


def arguments(target: IpmiTarget, command: Sequence[str]) -> list[str]:
    """Everything after `ipmitool`."""
    if not target.host:
        return ["-I", "open", *command]
    who = ["-H", target.host, "-p", str(target.port), "-U", target.username]
    secret = ["-f", str(target.password), "-C", str(target.cipher_suite)]
    # Whether to ask again is ours to say.
    return ["-I", "lanplus", *who, *secret, "-N", "2", "-R", "2", *command]


async def run(tool: str, told: Sequence[str]) -> str:
    """What it printed.

    Raises:
        Unavailable: it is not there, ended badly or printed without end; with its last word.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            tool,
            *told,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=OUTPUT_BYTES_MAX,
        )
    except OSError as error:
        raise Unavailable(f"{tool}: {error.strerror}") from error
    try:
        printed, said = await asyncio.gather(_read(process.stdout), _read(process.stderr))
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code:
        last = said.strip().rpartition("\n")[2][:SAID_CHARS_MAX]
        raise Unavailable(f"{tool}: ended with {code}: {last}")
    return printed


async def _read(stream: asyncio.StreamReader | None) -> str:
    text = b""
    while stream is not None and (more := await stream.read(65_536)):
        text += more
        if len(text) > OUTPUT_BYTES_MAX:
            raise Unavailable(f"printed over {OUTPUT_BYTES_MAX} bytes")
    return text.decode("utf-8", "replace")
