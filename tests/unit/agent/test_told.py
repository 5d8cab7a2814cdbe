"""Goal: an agent runs by what was checked, whoever checked it, and says what is wrong where.
Method: all examples read in a process of their own and here, in children that tell what they load.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((ROOT / "services" / "agent" / "examples").glob("*.yaml"))
CHILD = """
import json, sys
from functools import partial
from pathlib import Path

def shown(found):
    if isinstance(found, tuple) and hasattr(found, "_asdict"):
        found = {**found._asdict(), "kind of": type(found).__name__}
    elif hasattr(found, "model_dump"):
        found = {**found.__dict__, "kind of": type(found).__name__}
    if isinstance(found, dict):
        return {str(key): shown(one) for key, one in found.items()}
    return [shown(one) for one in found] if isinstance(found, list | tuple) else repr(found)

def read(paths):
    from hexi_agent.told import read_told
    return read_told(paths, False)

if sys.argv[1] == "apart":
    from hexi_kit.apart import read_apart
    told = read_apart(partial(read, [Path(one) for one in sys.argv[2:]]))
    from contextlib import suppress
    from hexi_kit.clock import SystemClock
    from hexi_kit.errors import HexiError
    for source in (one for site in told.sites for one in site.config.sources):
        # Some want certificates that are not here.
        with suppress(HexiError):
            source.make(SystemClock())
else:
    told = read([Path(one) for one in sys.argv[2:]])
print(json.dumps([shown(told), "pydantic" in sys.modules]))
"""


def child(how: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CHILD, how, *map(str, paths)]
    return subprocess.run(command, cwd=ROOT / "services/agent", capture_output=True, text=True)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_what_was_checked_apart_is_what_is_checked_here(path: Path) -> None:
    (apart, _), (here, is_loaded) = (json.loads(child(how, path).stdout) for how in ("apart", "no"))

    assert apart == here
    assert is_loaded


def test_what_checks_is_not_loaded_by_who_runs(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(
        "{site_id: a, identity: a, state_dir: s, hosts: h.csv,"
        " sources: [{kind: openmetrics, targets: ['http://n1/']}]}"
    )

    told, is_loaded = json.loads(child("apart", path).stdout)

    assert not is_loaded
    assert (
        told["sites"][0]["config"]["sources"][0]["options"]["targets"][0]["url"] == "'http://n1/'"
    )


@pytest.mark.parametrize(
    ("text", "said"), [("site_id: [", "config: "), ("site_id: a", "identity: "), ("{a: 1}", "a: ")]
)
def test_what_is_wrong_is_said_once_and_ends_with_2(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(text)

    ended = child("apart", path)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count(said) == 1
    assert "Traceback" not in ended.stderr
