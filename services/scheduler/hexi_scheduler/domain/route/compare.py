"""Compares the chosen site with the next three; equal demands share one comparison.

Between two offers a demand mostly goes to the same site again, so this is a look into a cache.
"""

from __future__ import annotations

from hexi_scheduler.domain.route.board import Board, Candidate
from hexi_scheduler.domain.route.choice import Choice, Score
from hexi_scheduler.domain.route.cost import stay_of, terms
from hexi_scheduler.domain.route.filters import latency_us
from hexi_scheduler.domain.route.ranking import RANK_BITS, Ranking
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.workload import Workload

NEXT = 3


def choice_of(
    router: Router, ranking: Ranking, workload: Workload, chosen: Candidate, at_ms: int
) -> Choice:
    """Its cost and that of the next three; and the cheapest of all, where that one had no room."""
    found = ranking.choices.get(chosen[1:3])
    if found is None:
        found = ranking.choices[chosen[1:3]] = _compare(router, workload, chosen, ranking, at_ms)
    return found


def _compare(
    router: Router, workload: Workload, chosen: Candidate, ranking: Ranking, at_ms: int
) -> Choice:
    board, known = router.board, ranking.scores
    if ranking.hours:
        known = board.scores

    def score(key: int) -> Score:
        found = known.get((key, ranking.hours))
        if found is None:
            found = _score(board, workload, board.candidate(key, workload), at_ms)
            known[key, ranking.hours] = found
        return found

    # Keys of the same cost stand together, by site and class.
    first = int(ranking.open.searchsorted(chosen[0] << RANK_BITS))
    near = [score(key) for key in ranking.open[first : first + NEXT + 1].tolist()]
    own = next((s for s in near if s[:2] == chosen[1:3]), None)
    own = own or _score(board, workload, chosen, at_ms)
    others = [s for s in near if s[:2] != own[:2]][:NEXT]
    cheapest = score(int(ranking.keys[0])) if len(ranking.keys) else own
    is_full = cheapest.terms.total < own.terms.total
    return Choice((own, *others), cheapest if is_full else None, board.policy.effective_from)


def _score(board: Board, workload: Workload, of: Candidate, at_ms: int) -> Score:
    stay = stay_of(workload, board.policy, at_ms)
    site, atlas = board.offers[of[1]], board.around.atlas
    cost = terms(board.policy, atlas, site, of[3], workload.demand, stay)
    micro_yuan, voucher_id = board.cover(of, workload, at_ms)
    if voucher_id:
        cost = cost._replace(voucher=-micro_yuan)
    score = Score(of[1], of[2], cost, voucher_id=voucher_id)
    region = workload.demand.constraints.latency_region
    if not region:
        return score
    measured = region in site.standing.latency_measured
    return score._replace(latency_us=latency_us(site, region) or 0, latency_measured=measured)
