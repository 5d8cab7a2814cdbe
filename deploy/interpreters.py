"""The Pythons of this machine, and which of them Hexi had better live in.

Builds differ more than versions: where the compiler had no profile, a scheduler decides a sixth
less (contracts/decisions/0027). Runs before anything is installed: standard library only.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

NAMES = ("python3", "python3.14", "python3.13", "python3.12", "python3.11")
# Who is first on the PATH is meant to be used; one that is a little faster may be so by chance.
FASTER = 1.15
PROBE_TIMEOUT_S = 30.0
PROBE = """
import ensurepip, json, os, sys, time, venv
if not (3, 11) <= sys.version_info[:2] < (3, 15):
    sys.exit(1)
def take(known, number):
    one = (number, number + 1, known.get(number))
    return one[0] if isinstance(one, tuple) else 0
def seconds():
    began, known = time.perf_counter(), {}
    for number in range(60_000):
        known[number % 1_000] = take(known, number)
    return time.perf_counter() - began
version = ".".join(map(str, sys.version_info[:3]))
own = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
print(json.dumps([own, version, min(seconds() for _ in range(7))]))
"""


class Interpreter(NamedTuple):
    """One that can make environments; `seconds` is what a probe of calls and look-ups took."""

    path: str
    version: str
    seconds: float


def choose(found: Sequence[Interpreter]) -> Interpreter:
    """The first, unless another is much faster."""
    fastest = min(found, key=lambda one: one.seconds)
    return fastest if fastest.seconds * FASTER < found[0].seconds else found[0]


def usable(path: str) -> list[Interpreter]:
    """Each once, the one that runs this first, then in the order of the PATH."""
    found: dict[str, Interpreter] = {}
    for one in probed((sys.executable, *_on(path))):
        found.setdefault(one.path, one)
    return list(found.values())


def probed(commands: Iterable[str]) -> Iterator[Interpreter]:
    """Of these, those that run, are of a version we support and can make environments."""
    seen: set[str] = set()
    for command in commands:
        if os.path.realpath(command) in seen:
            continue
        seen.add(os.path.realpath(command))
        try:
            answer = subprocess.run(
                [command, "-I", "-c", PROBE],
                capture_output=True,
                timeout=PROBE_TIMEOUT_S,
                check=True,
            )
            yield Interpreter(*json.loads(answer.stdout))
        except (OSError, subprocess.SubprocessError, ValueError, TypeError):
            continue


def _on(path: str) -> Iterator[str]:
    for folder in path.split(os.pathsep):
        for name in NAMES:
            command = shutil.which(name, path=folder)
            if command:
                yield command
