"""Comparisons of sites, in and out; each score and each comparison is encoded once."""

from __future__ import annotations

from functools import lru_cache

from hexi.scheduler.v1 import route_pb2

from hexi_scheduler.domain.route.choice import Choice, Score
from hexi_scheduler.domain.route.cost import CostTerms
from hexi_scheduler.wire.splice import nested

SCORES_MAX = 65_536


def choice_bytes(of: Choice) -> bytes:
    if not of.body:
        body = b"".join(nested(1, _score_bytes(score)) for score in of.scores)
        if of.cheapest_full is not None:
            body += nested(2, _score_bytes(of.cheapest_full))
        if of.policy_effective_from:
            body += nested(3, of.policy_effective_from.encode())
        of.body = body
    return of.body


def choice(message: route_pb2.Choice) -> Choice:
    full = _score(message.cheapest_full) if message.HasField("cheapest_full") else None
    return Choice(tuple(map(_score, message.scores)), full, message.policy_effective_from)


@lru_cache(maxsize=SCORES_MAX)
def _score_bytes(score: Score) -> bytes:
    return route_pb2.SiteScore(
        site_id=score.site_id,
        class_id=score.class_id,
        latency_us=score.latency_us,
        latency_measured=score.latency_measured,
        voucher_id=score.voucher_id,
        **score.terms._asdict(),
    ).SerializeToString()


def _score(message: route_pb2.SiteScore) -> Score:
    terms = CostTerms(*(getattr(message, term) for term in CostTerms._fields))
    latency = message.latency_us, message.latency_measured
    return Score(message.site_id, message.class_id, terms, *latency, message.voucher_id)
