"""The api process: view and watchers at the end of the journals, requests into the log."""

from __future__ import annotations

from functools import partial

from hexi.scheduler.v1 import scheduler_service_pb2_grpc
from hexi_kit.identity.authorize import Authorizer
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.kafka.tail import LogTail
from hexi_kit.process import Process
from hexi_kit.refusal_events import tell_refusals
from hexi_kit.rpc.server import RpcOptions, RpcServer

from hexi_scheduler.api.explain import Explainer
from hexi_scheduler.api.servicer import SchedulerServicer
from hexi_scheduler.handlers import Desk
from hexi_scheduler.settings import SchedulerSettings, fair_rules, route_policy, templates
from hexi_scheduler.store.fleet import FleetView
from hexi_scheduler.store.orders import OrderBoard
from hexi_scheduler.store.sites import SiteStateView
from hexi_scheduler.store.view import WorkloadView
from hexi_scheduler.stream.tail import REST_S, TAILED, JournalTail
from hexi_scheduler.wire.template import fill


def hang(process: Process, settings: SchedulerSettings) -> None:
    """Add the parts of the api to the process; it is ready once the journals have been read."""
    view, sites = WorkloadView(), SiteStateView()
    fleet = FleetView(view.placements_of, view.placement)
    orders = OrderBoard(view.placements_of)
    producer = EventProducer(settings.kafka_bootstrap, process.identity, "scheduler", process.clock)
    tail = LogTail(
        settings.kafka_bootstrap,
        process.identity,
        TAILED,
        JournalTail(view, orders, sites.set, fleet.apply).apply,
        REST_S,
    )
    servicer = SchedulerServicer(
        Desk(producer, view, process.clock, partial(fill, templates())),
        sites,
        orders,
        Explainer(route_policy(), sites, fleet, fair_rules().tenants.vouchers),
    )
    server = RpcServer(
        RpcOptions(
            settings.listen,
            process.identity,
            "scheduler",
            process.clock,
            Authorizer(),
            tell_refusals(producer, "scheduler"),
            process.lifecycle.readiness,
        ),
        [(scheduler_service_pb2_grpc.add_SchedulerServiceServicer_to_server, servicer)],
    )
    process.lifecycle.add("producer", producer.start, producer.stop)
    process.lifecycle.add_background("tail", tail.run)
    process.lifecycle.add("view", tail.caught_up.wait)
    process.lifecycle.add("rpc", server.start, server.stop)
