"""The command line of the local run: up, down, status, logs, topics, dlq, identity, doors."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from hexi_kit.kafka import replay
from hexi_kit.logs import configure

from hexi_local import commands, join, running_broker
from hexi_local.child import ChildFailed
from hexi_local.jar_lock import JarsMissing
from hexi_local.options import LocalOptions
from hexi_local.state import StateInUse
from hexi_local.supervisor import LocalHexi

INTERRUPTED = 130


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    options = LocalOptions.from_environment(getattr(arguments, "profile", "all"))
    configure("supervisor", "info")
    try:
        match arguments.command:
            case "up" if arguments.detach:
                return commands.detach(options)
            case "up":
                return asyncio.run(_up(options))
            case "down":
                return commands.down(options)
            case "status":
                return commands.status(options, arguments.json)
            case "logs":
                return commands.logs(options, arguments.name, arguments.follow)
            case "dlq":
                return running_broker.letters(options, arguments)
            case "identity":
                return join.identity(options, arguments.name, arguments.uri)
            case "doors":
                return join.doors(options)
            case _:
                return asyncio.run(running_broker.topics(options))
    except (ChildFailed, JarsMissing, StateInUse, commands.Refused) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1


async def _up(options: LocalOptions) -> int:
    enough = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, enough.set)
    hexi = LocalHexi(options)
    starting = asyncio.create_task(hexi.start(), name="start")
    asked_to_end = asyncio.create_task(enough.wait(), name="asked-to-end")
    await asyncio.wait({starting, asked_to_end}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()  # it undoes what it has begun
        await asyncio.gather(starting, return_exceptions=True)
        return INTERRUPTED
    try:
        await starting
        commands.say(f"up: kafka {hexi.kafka}, {len(hexi.pids)} processes, {options.state_dir}")
        await asked_to_end
    finally:
        await hexi.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hexi_local", description=__doc__)
    verbs = parser.add_subparsers(dest="command", required=True)
    up = verbs.add_parser("up", help="start everything and stay")
    up.add_argument("--detach", action="store_true", help="return when everything is ready")
    up.add_argument("--profile", default="all", help="which processes of deploy/services.yaml")
    verbs.add_parser("down", help="stop everything this state directory started")
    status = verbs.add_parser("status", help="what runs")
    status.add_argument("--json", action="store_true")
    logs = verbs.add_parser("logs", help="the log of one process")
    logs.add_argument("name")
    logs.add_argument("-f", "--follow", action="store_true")
    verbs.add_parser("topics", help="make missing topics, compare the others with the contracts")
    verbs.add_parser("dlq", help="dead letters of the broker", parents=[replay.options()])
    identity = verbs.add_parser("identity", help="a certificate, and its fingerprint")
    identity.add_argument("name", help="its folder, for example agent-dunhuang")
    identity.add_argument("uri", help="for example spiffe://hexi/site/dunhuang/agent/1")
    verbs.add_parser("doors", help="variables of a process that joins: where the services are")
    return parser


if __name__ == "__main__":
    sys.exit(main())
