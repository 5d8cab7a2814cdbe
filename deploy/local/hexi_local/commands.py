"""What the command line does besides `up`."""

from __future__ import annotations

import json
import subprocess
import sys

from hexi_kit.clock import SystemClock

from hexi_local.ledger import Ledger
from hexi_local.logfile import tail
from hexi_local.options import LocalOptions
from hexi_local.state import StateDir

DETACH_TIMEOUT_S = 300.0
LOOK_EVERY_S = 0.2
LOG_LINES = 200


class Refused(Exception):
    """What was asked cannot be done now; the text says why."""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def detach(options: LocalOptions) -> int:
    """Start a supervisor of its own and return when it is ready."""
    state = StateDir(options.state_dir)
    ledger = Ledger(state)
    if ledger.supervisor() is not None:
        raise Refused(f"{state.root} is up already")
    state.logs.mkdir(parents=True, exist_ok=True)
    path = state.logs / "supervisor.log"
    argv = [sys.executable, "-m", "hexi_local", "up", "--profile", options.profile]
    with path.open("ab") as log:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    clock = SystemClock()
    deadline_s = clock.real_monotonic_s() + DETACH_TIMEOUT_S
    while clock.real_monotonic_s() < deadline_s:
        own = ledger.supervisor()
        if own is not None and own.pid == child.pid and ledger.ready():
            say(f"up: {len(ledger.processes())} processes, {state.root}")
            return 0
        try:
            child.wait(LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            continue
        break
    raise Refused("not up; end of its log:\n" + "\n".join(tail(path)))


def down(options: LocalOptions) -> int:
    """Stop the supervisor and whatever it, or one before it, left."""
    ledger = Ledger(StateDir(options.state_dir))
    was_up = ledger.end_supervisor()
    ended = ledger.end_leftovers()
    if ended:
        say(f"ended what was left: {', '.join(ended)}")
    say("down" if was_up or ended else "nothing was up")
    return 0


def status(options: LocalOptions, as_json: bool) -> int:
    """One line a process; exit code 1 where not everything is ready."""
    ledger = Ledger(StateDir(options.state_dir))
    up = ledger.supervisor() is not None
    ready = up and ledger.ready()
    processes = ledger.processes() if up else []
    if as_json:
        say(json.dumps({"up": up, "ready": ready, "processes": processes}))
    elif not up:
        say("down")
    for one in processes if not as_json else []:
        say(
            f"{one['name']:20} {one['state']:12} pid {one.get('pid', '-')!s:8} "
            f"restarts {one['restarts']}"
        )
    return 0 if ready else 1


def logs(options: LocalOptions, name: str, follow: bool) -> int:
    """The end of a log, and with `follow` what is added to it."""
    folder = StateDir(options.state_dir).logs
    path = folder / f"{name}.log"
    if not path.exists():
        known = ", ".join(sorted(one.stem for one in folder.glob("*.log"))) or "none yet"
        raise Refused(f"expected a process with a log ({known}), was {name!r}")
    for line in tail(path, LOG_LINES):
        say(line)
    if follow:
        return subprocess.run(["tail", "-n", "0", "-F", str(path)], check=False).returncode
    return 0
