"""The worker process: ROUTE and PLACE of its partitions, and health beside them."""

from __future__ import annotations

import gc

from hexi_contracts import topics
from hexi_kit.identity.authorize import Authorizer
from hexi_kit.journal.app import JournalAppOptions
from hexi_kit.process import Process
from hexi_kit.rpc.server import RpcOptions, RpcServer

from hexi_scheduler.settings import SchedulerSettings, policies
from hexi_scheduler.stream.door import GROUP, INPUTS, WorkerDoor

# The young alone: decisions hold no cycles, and to walk all that a day has placed stops the world.
COLLECT_AT = (2_000, 1_000_000, 1_000_000)


def hang(process: Process, settings: SchedulerSettings) -> None:
    """Add the parts of the worker to the process."""
    # What a recovery builds is large and without cycles: the collector would walk it for nothing.
    gc.disable()
    gc.set_threshold(*COLLECT_AT)
    options = JournalAppOptions(
        GROUP,
        settings.kafka_bootstrap,
        process.identity,
        settings.worker_instance,
        INPUTS,
        settings.session_timeout_s,
    )
    by = policies(topics.SCHEDULER_REQUEST.partitions)
    door = WorkerDoor(process, options, by, settings.site_state_interval_ms)
    server = RpcServer(
        RpcOptions(
            settings.listen,
            process.identity,
            "scheduler",
            process.clock,
            Authorizer(),
            readiness=process.lifecycle.readiness,
        ),
        [],
    )
    process.lifecycle.add("rpc", server.start, server.stop)
    door.hang(settings.tick_interval_s)
    process.lifecycle.add("collector", _collect_again)


async def _collect_again() -> None:
    gc.freeze()
    gc.enable()
