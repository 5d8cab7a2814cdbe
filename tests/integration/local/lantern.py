"""The smallest service: health over mutual TLS, nothing else. Started by tests of the supervisor.

LANTERN=broken ends at once, LANTERN=deaf does not hear SIGTERM and leaves a child of its own.
"""

import asyncio
import os
import signal
import subprocess
import sys

from hexi_kit.identity.authorize import Authorizer
from hexi_kit.process import prepare
from hexi_kit.rpc.server import RpcOptions, RpcServer
from hexi_kit.settings import ServiceSettings, load


async def main() -> None:
    settings = load(ServiceSettings, sys.argv[2:])
    mood = os.environ.get("LANTERN")
    if mood == "broken":
        sys.stderr.write("the wick is wet\n")
        raise SystemExit(3)
    process = prepare(sys.argv[1], settings)
    options = RpcOptions(
        settings.listen, process.identity, sys.argv[1], process.clock, Authorizer()
    )
    server = RpcServer(options, [])
    if mood == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen(["sleep", "600"])  # noqa: ASYNC220 - it starts at once, nothing waits
        await server.start()
        await asyncio.Event().wait()
    process.lifecycle.add("rpc", server.start, server.stop)
    sys.exit(await process.lifecycle.run_until_signal())


asyncio.run(main())
