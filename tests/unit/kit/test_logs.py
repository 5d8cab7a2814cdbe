"""Goal: an event is one line without secrets, and costs nothing when filtered. Method: a child."""

import json
import subprocess
import sys

CHILD = """
import logging
from hexi_kit import logs
logs.configure("inventory", "info")
log = logs.get_logger()
log.debug("site.unseen")
log.info("site.registered", site_id="lanzhou", dsn="postgresql://a:b@c/d", api_token="t0p")
logging.getLogger("aiokafka").debug("never built")
logging.getLogger("aiokafka").warning("node %s away", 3)
try:
    1 / 0
except ZeroDivisionError as error:
    log.error("site.broken", exc_info=error)
print(logging.getLogger("faust").isEnabledFor(logging.DEBUG))
"""


def test_events_of_a_process() -> None:
    child = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, check=True, timeout=60
    )

    registered, library, broken = (json.loads(line) for line in child.stderr.splitlines())
    assert registered["event"] == "site.registered"
    assert registered["service"] == "inventory"
    assert registered["level"] == "info"
    assert registered["dsn"] == registered["api_token"] == "[redacted]"
    assert library["event"] == "library.said"
    assert library["text"] == "node 3 away"
    assert "ZeroDivisionError" in broken["exception"]
    assert child.stdout.strip() == "False"


def test_what_draws_tracebacks_is_left_to_those_who_ask_for_it() -> None:
    child = "import sys, hexi_kit.logs; print('rich' in sys.modules); import rich.text"

    said = subprocess.run(
        [sys.executable, "-c", child], capture_output=True, text=True, check=True, timeout=60
    ).stdout

    assert said.strip() == "False"
