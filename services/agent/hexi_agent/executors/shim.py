"""Stands between the agent and one real process: limits it, waits for it, writes down its end.

Run as a program of its own with the run's folder as argument. It imports nothing but the standard
library and outlives the agent. While it lives it holds the folder's lock; nothing else does.
"""

import fcntl
import json
import os
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

KILL_AFTER_S = 5.0
LOOK_S = 0.1
FILE_BYTES_MAX = 1024**3
FILES_MAX = 256
MIB = 1024**2
TOO_LONG = "duration_s_max reached"
CHUNK_BYTES = 65_536
NOT_EXECUTABLE_EXIT_CODE, NOT_FOUND_EXIT_CODE = 126, 127


def main(folder: Path) -> int:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "result.json").exists():
            # Ready for signals before anybody is told whom to send them to.
            stopper = Stopper(folder)
            write_whole(folder / "shim.json", {"pid": os.getpid()})
            write_whole(folder / "result.json", run(folder, stopper))
    return 0


def run(folder: Path, stopper: "Stopper") -> dict[str, Any]:
    spec = json.loads((folder / "spec.json").read_text())
    try:
        process = _start(folder, spec)
    except (FileNotFoundError, NotADirectoryError) as error:
        return {"exit_code": NOT_FOUND_EXIT_CODE, "reason": str(error)}
    except PermissionError as error:
        return {"exit_code": NOT_EXECUTABLE_EXIT_CODE, "reason": str(error)}
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return {"failed": str(error)}
    stopper.guard(process.pid, spec["wall_s_max"])
    write_whole(folder / "child.json", {"pid": process.pid})
    truncated = capture(process, folder / "output", spec["output_bytes_max"])
    code = process.wait()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "exit_code": code if code >= 0 else 128 - code,
        "reason": stopper.reason,
        "cpu_us": round((usage.ru_utime + usage.ru_stime) * 1e6),
        "output_truncated": truncated,
    }


def _start(folder: Path, spec: dict[str, Any]) -> "subprocess.Popen[bytes]":
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    own = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    own |= {"HOME": str(scratch), "TMPDIR": str(scratch)}
    return subprocess.Popen(
        spec["argv"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=scratch,
        env=own | spec["environment"],
        preexec_fn=lambda: _limit(spec),
    )


def _limit(spec: dict[str, Any]) -> None:
    """Called in the child, between fork and exec: what the kernel then enforces."""
    resource.setrlimit(resource.RLIMIT_CPU, (spec["cpu_s_max"], spec["cpu_s_max"] + 1))
    resource.setrlimit(resource.RLIMIT_AS, (spec["memory_mib"] * MIB,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX,) * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_MAX,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.setsid()
    os.nice(5)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Stopper:
    """Ends the process when the agent says so or its time is up: gently, then not."""

    def __init__(self, folder: Path) -> None:
        self.reason = ""
        self._wish, self._pid = folder / "stop", 0
        signal.signal(signal.SIGTERM, lambda *_: self._ask())
        signal.signal(signal.SIGALRM, lambda *_: self._time_is_up())

    def guard(self, pid: int, wall_s_max: int) -> None:
        """The agent's clock may run faster than this limit, never slower: it holds alone too."""
        self._pid = pid
        signal.setitimer(signal.ITIMER_REAL, wall_s_max)
        # The wish may be older than we are.
        if self._wish.exists():
            self._ask()

    def _ask(self) -> None:
        self._end(self._wish.read_text() if self._wish.exists() else "stopped")

    def _time_is_up(self) -> None:
        if self.reason:
            kill_group(self._pid, signal.SIGKILL)
        else:
            self._end(TOO_LONG)

    def _end(self, reason: str) -> None:
        self.reason = self.reason or reason
        if self._pid:
            kill_group(self._pid, signal.SIGTERM)
            signal.setitimer(signal.ITIMER_REAL, KILL_AFTER_S)


def capture(process: "subprocess.Popen[bytes]", path: Path, most: int) -> bool:
    """Keep the first bytes and read the rest away, so that nobody blocks on a full pipe.

    What the process leaves behind in its group ends with it, and can not hold the pipe open.
    """
    assert process.stdout is not None
    kept, truncated = 0, False
    source = process.stdout.fileno()
    with path.open("wb", buffering=0) as file:
        while True:
            over = process.poll() is not None
            if over:
                kill_group(process.pid, signal.SIGKILL)
            if not select.select([source], [], [], 0 if over else LOOK_S)[0]:
                if over:
                    return truncated
                continue
            chunk = os.read(source, CHUNK_BYTES)
            if not chunk:
                process.wait()
                kill_group(process.pid, signal.SIGKILL)
                return truncated
            part = chunk[: most - kept]
            truncated = truncated or len(part) < len(chunk)
            file.write(part)
            kept += len(part)


def kill_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def write_whole(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all: a reader never sees half of it."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(content))
    beside.rename(path)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
