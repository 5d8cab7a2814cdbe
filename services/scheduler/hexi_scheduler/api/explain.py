"""Why a workload waits, or why it is where it is: ROUTE's own filters, asked again now."""

from __future__ import annotations

from collections.abc import Mapping

from hexi.scheduler.v1 import place_pb2, workload_pb2
from hexi.scheduler.v1 import scheduler_service_pb2 as pb

from hexi_scheduler.api.words import SUMMARY, UNKNOWN, Both, miss_message, start_texts
from hexi_scheduler.domain.explain.inquiry import ROOM, Found, inquire, judge, open_sites
from hexi_scheduler.domain.route.board import NO_VOUCHERS, Board, ByTenant
from hexi_scheduler.domain.route.route_policy import RoutePolicy
from hexi_scheduler.domain.why import Miss
from hexi_scheduler.ports import FleetCopy, SiteStates
from hexi_scheduler.wire.workload import WorkloadReader

WAITS = (
    workload_pb2.WORKLOAD_STATE_SUBMITTED,
    workload_pb2.WORKLOAD_STATE_WAITING,
    workload_pb2.WORKLOAD_STATE_REFUSED,
)
# What ROUTE alone knows: recorded with its decision, and told as a miss.
TURNS = ("quota", "fair_share")
SOON: Both = ("there is room, it waits for its turn", "有空间, 等待轮到它")
ASKED_AGAIN: Both = (
    "unknown: who declined is asked again when something changes there",
    "未知: 拒绝者有变化时将再次询问",
)
ENDS: Both = ("what runs there has ended by then", "届时正在运行的作业已结束")
CLAIMED: Both = ("the site keeps for it what frees up", "数据中心已为它预留释放的资源")
DEFERRED: Both = ("it then costs less, or may start", "届时成本更低或允许启动")
NOBODY_KNOWS: Both = (
    "unknown: the run times that are known do not free enough",
    "未知: 已知的运行时长不足以推算",
)
CLOSED: Both = ("no site passes its filters", "没有数据中心满足其条件")


class Explainer:
    """Holds the policies; sites and servers are looked at as they are at the moment of asking."""

    def __init__(
        self,
        policy: RoutePolicy,
        sites: SiteStates,
        copy: FleetCopy,
        vouchers: ByTenant = NO_VOUCHERS,
    ) -> None:
        self._board = Board(policy, vouchers)
        self._sites, self._copy = sites, copy
        self._reader = WorkloadReader()

    @property
    def policy(self) -> RoutePolicy:
        """The one in force."""
        return self._board.policy

    def explain(self, view: pb.WorkloadView, at_ms: int) -> pb.ExplainWorkloadResponse:
        """The state in a sentence, what was recorded, and what can be found out now."""
        self._catch_up(at_ms)
        summary, summary_zh = _summary(view)
        decided = view.placement if view.placement.HasField("why_not") else view.route
        answer = pb.ExplainWorkloadResponse(
            state=view.state,
            summary=summary,
            summary_zh=summary_zh,
            why_not=decided.why_not,
            choice=view.route.choice if view.route.HasField("choice") else None,
        )
        workload = self._reader.read(view.workload)
        if view.state in WAITS or _is_claimed(view):
            found = inquire(self._board, self._copy.fleet, self._copy.endings, workload, at_ms)
            _put_found(answer, found, view, at_ms)
        else:
            sites = open_sites(self._board, workload, at_ms)
            judged = judge(self._board, workload, sites)
            against = {j.offer.site_id: j.objections for j in judged}
            prices = {name: site.cost_micro_yuan for name, site in sites.items()}
            _put_verdicts(answer, against, prices)
        return answer

    def _catch_up(self, at_ms: int) -> None:
        known = self._board.offers
        for site_id, offer in self._sites.offers().items():
            if known.get(site_id) is not offer:
                self._board.put(offer)
        self._board.turn_to(at_ms)


def _put_found(
    answer: pb.ExplainWorkloadResponse, found: Found, view: pb.WorkloadView, at_ms: int
) -> None:
    tried, reason = view.route.sites_tried, view.route.reason
    misses = [Miss(name, "", 0, 0) for name in TURNS if _turned_away(view, name)]
    misses += [Miss("declined", site_id, 0, 0, names=(reason,)) for site_id in tried[-1:]]
    misses += found.misses
    answer.misses.extend(map(miss_message, misses))
    answer.now.sites, answer.now.servers = len(found.judged), found.servers
    for name, sites, servers in found.filters:
        answer.now.filters.add(filter=name, sites_removed=sites, servers_removed=servers)
    if answer.misses:
        nearest = next((miss for miss in answer.misses if miss.alone), answer.misses[0])
        answer.now.nearest_miss = nearest.text
    answer.expected_start.CopyFrom(_start(found, view, at_ms))
    against = {
        j.offer.site_id: j.objections or (() if j.offer.site_id in found.has_room else (ROOM,))
        for j in found.judged
    }
    _put_verdicts(answer, against, found.costs)


def _put_verdicts(
    answer: pb.ExplainWorkloadResponse,
    against: Mapping[str, tuple[str, ...]],
    prices: Mapping[str, int],
) -> None:
    order = sorted(against, key=lambda name: (bool(against[name]), prices.get(name, 0), name))
    for site_id in order:
        answer.sites.add(
            site_id=site_id, objections=against[site_id], cost_micro_yuan=prices.get(site_id, 0)
        )


def _start(found: Found, view: pb.WorkloadView, at_ms: int) -> pb.ExpectedStart:
    deferral, claim = view.route.deferral, view.placement
    if view.route.HasField("deferral"):
        site_id = deferral.site_id or (found.has_room or ("–",))[0]
        return _at(max(at_ms, deferral.until_ms), site_id, DEFERRED)
    if _is_claimed(view) and claim.expected_start_ms:
        return _at(max(at_ms, claim.expected_start_ms), claim.site_id, CLAIMED)
    if found.has_room:
        willing = [name for name in found.has_room if name not in view.route.sites_tried]
        if any(_turned_away(view, name) for name in TURNS):
            return pb.ExpectedStart(site_id=found.has_room[0], text=SOON[0], text_zh=SOON[1])
        if willing:
            return _at(at_ms, willing[0], SOON)
        return pb.ExpectedStart(text=ASKED_AGAIN[0], text_zh=ASKED_AGAIN[1])
    if found.starts_ms:
        start_ms, site_id = found.starts_ms[0]
        return _at(max(at_ms, start_ms), site_id, ENDS)
    because = NOBODY_KNOWS if found.costs else CLOSED
    return pb.ExpectedStart(text=because[0], text_zh=because[1])


def _at(start_ms: int, site_id: str, because: Both) -> pb.ExpectedStart:
    text, text_zh = start_texts(start_ms, site_id, because)
    return pb.ExpectedStart(at_ms=start_ms, site_id=site_id, text=text, text_zh=text_zh)


def _turned_away(view: pb.WorkloadView, name: str) -> bool:
    return any(f.filter == name for f in view.route.why_not.filters)


def _is_claimed(view: pb.WorkloadView) -> bool:
    return view.placement.state == place_pb2.PLACEMENT_STATE_CLAIMED


def _summary(view: pb.WorkloadView) -> Both:
    text, text_zh = SUMMARY.get(view.state, UNKNOWN)
    if view.route.site_id and view.state not in WAITS:
        text += f"; site {view.route.site_id}, attempt {view.route.attempt}"
        text_zh += f"; 数据中心 {view.route.site_id}, 第 {view.route.attempt} 次"
    if view.route.voucher_id and view.state not in WAITS:
        text += f", voucher {view.route.voucher_id} pays a share"
        text_zh += f", 算力券 {view.route.voucher_id} 抵扣部分价格"
    reason = view.route.reason or view.placement.reason
    return (f"{text}: {reason}", f"{text_zh}: {reason}") if reason else (text, text_zh)
