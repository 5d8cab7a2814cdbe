"""ROUTE's requests in, its journal in and out, what it owes to PLACE out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi_kit import ids
from hexi_kit.errors import Poison

from hexi_scheduler.domain.offer import SiteOffer
from hexi_scheduler.domain.owed import PlaceOutcome, Report
from hexi_scheduler.domain.route.defer import Deferral
from hexi_scheduler.domain.route.pieces import may_pause
from hexi_scheduler.domain.route.route import (
    Cancel,
    HearOffers,
    HearReports,
    Route,
    RouteState,
    Submit,
)
from hexi_scheduler.domain.route.router import RouteEvent, Router
from hexi_scheduler.domain.workload import NOBODY
from hexi_scheduler.wire.cause import causes
from hexi_scheduler.wire.choice import choice, choice_bytes
from hexi_scheduler.wire.offer import offer
from hexi_scheduler.wire.splice import nested
from hexi_scheduler.wire.workload import WorkloadReader, why_not, why_not_message

SITE_KEY = b"site/"
SAID_MAX = 4_096
CHOICE = Route._fields.index("choice")
OUTCOMES = {outcome.value: outcome for outcome in PlaceOutcome}


class Order(NamedTuple):
    """A command less its head, with the name and the trace of its first workload."""

    name: str
    body: bytes
    traceparent: str


def request(
    message: route_pb2.Request, reader: WorkloadReader
) -> Submit | Cancel | HearReports | HearOffers:
    """What the request asks; Poison when it asks nothing that is known."""
    kind = message.WhichOneof("item")
    if kind == "submit":
        return Submit(tuple(reader.read(workload) for workload in message.submit.workloads))
    if kind == "cancel":
        return Cancel(message.cancel.workload_id, message.cancel.tenant_id)
    if kind == "reports":
        return HearReports(
            tuple(
                Report(r.workload_id, r.attempt, OUTCOMES[r.outcome], r.reason, r.kept_ms)
                for r in message.reports.reports
                if r.outcome in OUTCOMES
            )
        )
    if kind == "site_states":
        return HearOffers(tuple(offer(state) for state in message.site_states.sites))
    raise Poison("expected a request, was an empty or unknown item")


def entries(
    events: Sequence[RouteEvent], partition: int, offset: int
) -> list[tuple[bytes, bytes | None]]:
    """The journal entries of what one request decided."""
    written: list[tuple[bytes, bytes | None]] = []
    for event, cause in zip(events, causes(partition, offset, len(events)), strict=True):
        if isinstance(event, Route):
            written.append((event.workload.workload_id.encode(), _route_bytes(event, cause)))
        elif isinstance(event, SiteOffer):
            written.append((SITE_KEY + event.site_id.encode(), nested(2, event.body)))
        else:
            written.append((event.workload_id.encode(), None))
    return written


def entry(value: bytes, reader: WorkloadReader) -> RouteEvent | None:
    """The event of a journal entry."""
    record = route_pb2.RouteRecord.FromString(value)
    kind = record.WhichOneof("item")
    if kind == "decided":
        return _route(record.decided, reader)
    return offer(record.site_state) if kind == "site_state" else None


def recover(router: Router, key: bytes, value: bytes, reader: WorkloadReader) -> int:
    """Take a journal entry into a router that is being rebuilt; the offset it answers, or -1."""
    record = route_pb2.RouteRecord.FromString(value)
    kind = record.WhichOneof("item")
    if kind == "site_state":
        router.apply(offer(record.site_state))
    if kind != "decided":
        return -1
    decided = record.decided
    if decided.state == workload_pb2.WORKLOAD_STATE_WAITING:
        router.apply(_route(decided, reader))
    else:
        over = decided.state != workload_pb2.WORKLOAD_STATE_ROUTED
        router.recover_unread(
            key.decode(),
            decided.decided_at_ms if over else None,
            lambda: _route(route_pb2.RouteRecord.FromString(value).decided, reader),
            not over and _runs_in_pieces(decided, reader),
        )
    return decided.cause.offset


def _runs_in_pieces(decided: route_pb2.RouteDecided, reader: WorkloadReader) -> bool:
    spec = decided.workload.spec
    if not spec.checkpoint_interval_s or decided.pause_requested or decided.cancel_requested:
        return False
    return may_pause(reader.read(decided.workload))


def orders(routes: Iterable[Route], bytes_max: int) -> dict[str, list[Order]]:
    """Commands by site: batches of `bytes_max` to place, then what is to be released."""
    places: defaultdict[str, list[Order]] = defaultdict(list)
    releases: defaultdict[str, list[Order]] = defaultdict(list)
    for route in routes:
        workload = route.workload
        workload_id = workload.workload_id
        placement_id = ids.derive("placement", workload_id, route.attempt)
        if route.cancel_requested or route.pause_requested:
            wish = place_pb2.ReleaseRequested(workload_id=workload_id, placement_id=placement_id)
            if not route.cancel_requested:
                wish.pause, wish.reason = True, route.reason
            body = nested(4, wish.SerializeToString())
            releases[route.site_id].append(Order(placement_id, body, workload.traceparent))
        else:
            wishes = route.preempt, route.claim, route.borrowed, route.rescued
            item = nested(1, workload.body) + nested(2, placement_id.encode())
            body = nested(1, item + _wished(route.attempt, *wishes))
            places[route.site_id].append(Order(placement_id, body, workload.traceparent))
    commands = {site_id: list(_batches(items, bytes_max)) for site_id, items in places.items()}
    for site_id, released in releases.items():
        commands.setdefault(site_id, []).extend(released)
    return commands


@lru_cache(SAID_MAX)
def _wished(attempt: int, preempt: bool, claim: bool, borrowed: bool, rescued: bool) -> bytes:
    """What an item says beside its workload and its name."""
    return place_pb2.PlaceItem(
        attempt=attempt, preempt=preempt, claim=claim, borrowed=borrowed, rescued=rescued
    ).SerializeToString()


def _batches(items: list[Order], bytes_max: int) -> Iterator[Order]:
    first, size = items[0], 0
    parts: list[bytes] = []
    for item in items:
        if parts and size + len(item.body) > bytes_max:
            yield first._replace(body=nested(3, b"".join(parts)))
            first, parts, size = item, [], 0
        parts.append(item.body)
        size += len(item.body)
    yield first._replace(body=nested(3, b"".join(parts)))


def _route_bytes(route: Route, cause: bytes) -> bytes:
    # Routes of one request differ in their workloads and little else. A why-not is never the same.
    said = route[1:CHOICE] + route[CHOICE + 1 :]
    body = cause + (_said_again(said) if route.why_not is None else _said(route))
    body += nested(2, route.workload.body)
    if route.choice is not None:
        body += nested(14, choice_bytes(route.choice))
    return nested(1, body)


@lru_cache(SAID_MAX)
def _said_again(said: tuple[Any, ...]) -> bytes:
    """What a route says beside its workload and its choice."""
    return _said(Route._make((NOBODY, *said[: CHOICE - 1], None, *said[CHOICE - 1 :])))


def _said(route: Route) -> bytes:
    message = route_pb2.RouteDecided(
        state=int(route.state),  # type: ignore[arg-type]  # numbers are those of the wire
        site_id=route.site_id,
        attempt=route.attempt,
        decided_at_ms=route.decided_at_ms,
        cost_micro_yuan=route.cost_micro_yuan,
        class_id=route.class_id,
    )
    if route.tried:
        message.sites_tried.extend(name for name, _ in route.tried)
        message.sites_tried_revisions.extend(revision for _, revision in route.tried)
    if route.reason:
        message.reason = route.reason
    if route.cancel_requested:
        message.cancel_requested = True
    if route.rescued:
        message.rescued = True
    if route.pause_requested:
        message.pause_requested = True
    if route.done_s:
        message.done_s = route.done_s
    if route.preempt or route.claim or route.borrowed or route.voucher_id:
        message.preempt, message.claim = route.preempt, route.claim
        message.borrowed, message.voucher_id = route.borrowed, route.voucher_id
    if route.deferral is not None:
        message.deferral.CopyFrom(route_pb2.Deferral(**route.deferral._asdict()))
    if route.why_not is not None:
        message.why_not.CopyFrom(why_not_message(route.why_not))
    return message.SerializeToString()


def _route(message: route_pb2.RouteDecided, reader: WorkloadReader) -> Route:
    return Route(
        reader.read(message.workload),
        RouteState(message.state),
        message.decided_at_ms,
        message.site_id,
        message.class_id,
        message.attempt,
        message.cost_micro_yuan,
        tuple(zip(message.sites_tried, message.sites_tried_revisions, strict=False)),
        message.cancel_requested,
        message.reason,
        why_not(message.why_not) if message.HasField("why_not") else None,
        _deferral(message.deferral) if message.HasField("deferral") else None,
        message.preempt,
        message.claim,
        message.borrowed,
        message.voucher_id,
        message.rescued,
        choice=choice(message.choice) if message.HasField("choice") else None,
        pause_requested=message.pause_requested,
        done_s=message.done_s,
    )


def _deferral(message: route_pb2.Deferral) -> Deferral:
    return Deferral(message.until_ms, message.site_id, message.saving_micro_yuan)
