"""Typed constants of every topic. Generated from contracts/topics: run ./task gen."""

from __future__ import annotations

from hexi.inventory.v1 import inventory_pb2
from hexi.marketplace.v1 import marketplace_pb2
from hexi.scheduler.v1 import place_pb2
from hexi.scheduler.v1 import route_pb2
from hexi.security.v1 import security_pb2
from hexi.settlement.v1 import settlement_pb2
from hexi.telemetry.v1 import measure_pb2
from hexi.telemetry.v1 import telemetry_pb2

from hexi_contracts.topic import Topic

INVENTORY_ADMISSION = Topic(
    name="inventory.admission.v1",
    message=inventory_pb2.AdmissionChanged,
    partitions=16,
    cleanup="delete",
    retention_ms=31536000000,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="inventory.admission.v1.dlq",
    owner="inventory",
    producers=("inventory",),
    consumers=("security-monitor",),
)

INVENTORY_SERVER_SET = Topic(
    name="inventory.server-set.v1",
    message=inventory_pb2.ServerSet,
    partitions=16,
    cleanup="compact",
    retention_ms=-1,
    compaction_lag_ms=0,
    message_bytes_max=8388608,
    dead_letter="inventory.server-set.v1.dlq",
    owner="inventory",
    producers=("inventory",),
    consumers=("telemetry", "scheduler", "security-monitor", "marketplace"),
)

INVENTORY_SITE = Topic(
    name="inventory.site.v1",
    message=inventory_pb2.SiteRecorded,
    partitions=16,
    cleanup="compact",
    retention_ms=-1,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="inventory.site.v1.dlq",
    owner="inventory",
    producers=("inventory",),
    consumers=("telemetry", "scheduler", "settlement", "security-monitor", "marketplace"),
)

MARKETPLACE_DEPTH = Topic(
    name="marketplace.depth.v1",
    message=marketplace_pb2.DepthChanged,
    partitions=4,
    cleanup="delete",
    retention_ms=86400000,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="marketplace.depth.v1.dlq",
    owner="marketplace",
    producers=("marketplace",),
    consumers=("marketplace",),
)

MARKETPLACE_LEASE = Topic(
    name="marketplace.lease.v1",
    message=marketplace_pb2.LeaseGranted,
    partitions=4,
    cleanup="delete",
    retention_ms=-1,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="marketplace.lease.v1.dlq",
    owner="marketplace",
    producers=("marketplace",),
    consumers=("scheduler",),
)

MARKETPLACE_ORDER = Topic(
    name="marketplace.order.v1",
    message=marketplace_pb2.OrderCommand,
    partitions=4,
    cleanup="delete",
    retention_ms=-1,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="marketplace.order.v1.dlq",
    owner="marketplace",
    producers=("marketplace",),
    consumers=("marketplace",),
)

MARKETPLACE_TRADE = Topic(
    name="marketplace.trade.v1",
    message=marketplace_pb2.TradeRecord,
    partitions=4,
    cleanup="delete",
    retention_ms=-1,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="marketplace.trade.v1.dlq",
    owner="marketplace",
    producers=("marketplace",),
    consumers=("settlement", "marketplace"),
)

SCHEDULER_COMMAND = Topic(
    name="scheduler.command.v1",
    message=place_pb2.SiteCommand,
    partitions=16,
    cleanup="delete",
    retention_ms=604800000,
    compaction_lag_ms=0,
    message_bytes_max=8388608,
    dead_letter="scheduler.command.v1.dlq",
    owner="scheduler",
    producers=("scheduler",),
    consumers=("scheduler",),
    readers=("replay",),
)

SCHEDULER_PLACEMENT = Topic(
    name="scheduler.placement.v1",
    message=place_pb2.PlaceJournal,
    partitions=16,
    cleanup="compact",
    retention_ms=-1,
    compaction_lag_ms=604800000,
    message_bytes_max=8388608,
    dead_letter="scheduler.placement.v1.dlq",
    owner="scheduler",
    producers=("scheduler",),
    consumers=("scheduler",),
    readers=("replay",),
)

SCHEDULER_REQUEST = Topic(
    name="scheduler.request.v1",
    message=route_pb2.Request,
    partitions=16,
    cleanup="delete",
    retention_ms=604800000,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="scheduler.request.v1.dlq",
    owner="scheduler",
    producers=("scheduler",),
    consumers=("scheduler",),
    readers=("replay",),
)

SCHEDULER_ROUTE = Topic(
    name="scheduler.route.v1",
    message=route_pb2.RouteRecord,
    partitions=16,
    cleanup="compact",
    retention_ms=-1,
    compaction_lag_ms=604800000,
    message_bytes_max=1048576,
    dead_letter="scheduler.route.v1.dlq",
    owner="scheduler",
    producers=("scheduler",),
    consumers=("scheduler",),
    readers=("replay",),
)

SCHEDULER_SITE_STATE = Topic(
    name="scheduler.site-state.v1",
    message=route_pb2.SiteState,
    partitions=16,
    cleanup="compact",
    retention_ms=-1,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="scheduler.site-state.v1.dlq",
    owner="scheduler",
    producers=("scheduler",),
    consumers=("scheduler",),
)

SCHEDULER_USAGE = Topic(
    name="scheduler.usage.v1",
    message=place_pb2.UsageBatch,
    partitions=16,
    cleanup="delete",
    retention_ms=31536000000,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="scheduler.usage.v1.dlq",
    owner="scheduler",
    producers=("scheduler",),
    consumers=("settlement",),
)

SECURITY_DIRECTIVE = Topic(
    name="security.directive.v1",
    message=security_pb2.DirectiveIssued,
    partitions=16,
    cleanup="compact",
    retention_ms=-1,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="security.directive.v1.dlq",
    owner="security-monitor",
    producers=("security-monitor",),
    consumers=("scheduler", "marketplace"),
)

SECURITY_EVENT = Topic(
    name="security.event.v1",
    message=None,
    partitions=16,
    cleanup="delete",
    retention_ms=2592000000,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="security.event.v1.dlq",
    owner="security-monitor",
    producers=("inventory", "telemetry", "scheduler", "marketplace", "settlement", "security-monitor"),
    consumers=("security-monitor",),
)

SECURITY_FINDING = Topic(
    name="security.finding.v1",
    message=None,
    partitions=16,
    cleanup="delete",
    retention_ms=31536000000,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="security.finding.v1.dlq",
    owner="security-monitor",
    producers=("security-monitor",),
    consumers=("security-monitor",),
)

SECURITY_INCIDENT = Topic(
    name="security.incident.v1",
    message=None,
    partitions=16,
    cleanup="delete",
    retention_ms=-1,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="security.incident.v1.dlq",
    owner="security-monitor",
    producers=("security-monitor",),
    consumers=("security-monitor",),
)

SETTLEMENT_INVOICE = Topic(
    name="settlement.invoice.v1",
    message=settlement_pb2.InvoiceIssued,
    partitions=16,
    cleanup="delete",
    retention_ms=-1,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="settlement.invoice.v1.dlq",
    owner="settlement",
    producers=("settlement",),
    consumers=("security-monitor",),
)

SETTLEMENT_TRANSFER = Topic(
    name="settlement.transfer.v1",
    message=settlement_pb2.TransferPosted,
    partitions=16,
    cleanup="delete",
    retention_ms=-1,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="settlement.transfer.v1.dlq",
    owner="settlement",
    producers=("settlement",),
    consumers=("security-monitor",),
)

TELEMETRY_FRAME = Topic(
    name="telemetry.frame.v1",
    message=telemetry_pb2.SignedFrame,
    partitions=16,
    cleanup="delete",
    retention_ms=172800000,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="telemetry.frame.v1.dlq",
    owner="telemetry",
    producers=("telemetry",),
    consumers=("scheduler", "security-monitor", "telemetry"),
)

TELEMETRY_GAP = Topic(
    name="telemetry.gap.v1",
    message=telemetry_pb2.GapRecorded,
    partitions=16,
    cleanup="delete",
    retention_ms=31536000000,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="telemetry.gap.v1.dlq",
    owner="telemetry",
    producers=("telemetry",),
    consumers=("security-monitor",),
)

TELEMETRY_KEY = Topic(
    name="telemetry.key.v1",
    message=telemetry_pb2.SignedKeyStatement,
    partitions=16,
    cleanup="delete",
    retention_ms=-1,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="telemetry.key.v1.dlq",
    owner="telemetry",
    producers=("telemetry",),
    consumers=("security-monitor",),
)

TELEMETRY_MEASURE = Topic(
    name="telemetry.measure.v1",
    message=measure_pb2.SiteMeasured,
    partitions=16,
    cleanup="compact",
    retention_ms=-1,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="telemetry.measure.v1.dlq",
    owner="telemetry",
    producers=("telemetry",),
    consumers=("scheduler",),
)

TELEMETRY_ROLLUP = Topic(
    name="telemetry.rollup.v1",
    message=telemetry_pb2.RollupClosed,
    partitions=16,
    cleanup="delete",
    retention_ms=31536000000,
    compaction_lag_ms=0,
    message_bytes_max=1048576,
    dead_letter="telemetry.rollup.v1.dlq",
    owner="telemetry",
    producers=("telemetry",),
    consumers=("inventory",),
)

ALL: tuple[Topic, ...] = (
    INVENTORY_ADMISSION,
    INVENTORY_SERVER_SET,
    INVENTORY_SITE,
    MARKETPLACE_DEPTH,
    MARKETPLACE_LEASE,
    MARKETPLACE_ORDER,
    MARKETPLACE_TRADE,
    SCHEDULER_COMMAND,
    SCHEDULER_PLACEMENT,
    SCHEDULER_REQUEST,
    SCHEDULER_ROUTE,
    SCHEDULER_SITE_STATE,
    SCHEDULER_USAGE,
    SECURITY_DIRECTIVE,
    SECURITY_EVENT,
    SECURITY_FINDING,
    SECURITY_INCIDENT,
    SETTLEMENT_INVOICE,
    SETTLEMENT_TRANSFER,
    TELEMETRY_FRAME,
    TELEMETRY_GAP,
    TELEMETRY_KEY,
    TELEMETRY_MEASURE,
    TELEMETRY_ROLLUP,
)
BY_NAME: dict[str, Topic] = {topic.name: topic for topic in ALL}
