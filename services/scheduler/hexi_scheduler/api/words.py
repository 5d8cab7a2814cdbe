"""A miss, a state and a start in one sentence each, in English and in Chinese."""

from __future__ import annotations

from hexi.scheduler.v1 import workload_pb2

from hexi_scheduler.domain.hours import day_and_time
from hexi_scheduler.domain.why import Miss

Both = tuple[str, str]  # English, Chinese

SUMMARY: dict[workload_pb2.WorkloadState.ValueType, Both] = {
    workload_pb2.WORKLOAD_STATE_SUBMITTED: ("it is on its way to ROUTE", "正在送往路由"),
    workload_pb2.WORKLOAD_STATE_WAITING: ("no site has room for it now", "目前没有可用的数据中心"),
    workload_pb2.WORKLOAD_STATE_ROUTED: ("it is on its way to a site", "正在送往数据中心"),
    workload_pb2.WORKLOAD_STATE_REFUSED: ("no site could ever hold it", "没有数据中心能够承载"),
    workload_pb2.WORKLOAD_STATE_PLACED: ("it is placed and about to start", "已安置, 即将启动"),
    workload_pb2.WORKLOAD_STATE_RUNNING: ("it runs", "正在运行"),
    workload_pb2.WORKLOAD_STATE_ENDED: ("it has ended", "已结束"),
    workload_pb2.WORKLOAD_STATE_CANCELLED: ("it was cancelled", "已取消"),
}
UNKNOWN: Both = ("unknown", "未知")

# Written with the words of `_fields`.
MISSES: dict[str, Both] = {
    "cpu": ("{at} lacks {lack} vCPU of {asked}", "{at} 缺 {lack} vCPU (需要 {asked})"),
    "memory": ("{at} lacks {lack} GiB of {asked}", "{at} 缺 {lack} GiB 内存 (需要 {asked})"),
    "accelerators": (
        "{at} lacks {lack} accelerators of {asked}: {found} are wholly free",
        "{at} 缺 {lack} 张加速卡 (需要 {asked}, 整卡空闲 {found})",
    ),
    "device_share": (
        "{at} has at most {found} of a device free, {asked} is asked",
        "{at} 单卡最多空闲 {found}, 需要 {asked}",
    ),
    "gang": (
        "{site} has room for {found} of {asked} replicas now",
        "{site} 目前只能容纳 {asked} 个副本中的 {found} 个",
    ),
    "condition": (
        "{found} servers that have room are out of service: {names}",
        "有 {found} 台服务器有空间但停用: {names}",
    ),
    "reserved": (
        "{site} keeps its free servers for leases, claims or its spare",
        "{site} 的空闲服务器已为租约、预留或备用保留",
    ),
    "declined": ("{site} declined it: {names}", "{site} 拒绝了它: {names}"),
    "room": ("{site} says it has no room", "{site} 表示没有空间"),
    "latency": (
        "{site} is {lack} ms too far from {names}: {found} ms one way as registered, "
        "{asked} allowed",
        "{site} 到 {names} 时延超出 {lack} ms (登记值 {found}, 上限 {asked})",
    ),
    "measured_latency": (
        "{site} is {lack} ms too far from {names}: {found} ms one way as measured, {asked} allowed",
        "{site} 到 {names} 时延超出 {lack} ms (实测 {found}, 上限 {asked})",
    ),
    "unknown_latency": (
        "the latency from {site} to {names} is neither measured nor registered",
        "{site} 到 {names} 的时延既无实测也未登记",
    ),
    "price": (
        "price ceiling {asked} under the cheapest class {names} at {found} yuan in {site}",
        "价格上限 {asked} 低于 {site} 最便宜的类别 {names} ({found} 元)",
    ),
    "security_grade": (
        "{site} has security grade {found}, {asked} is asked",
        "{site} 安全等级为 {found}, 需要 {asked}",
    ),
    "region": ("{site} lies in another region: {names}", "{site} 不在所需地区: {names}"),
    "site": ("{site} is not among the sites it names", "{site} 不在指定的数据中心之列"),
    "state_owned_cloud": ("{site} is no state-owned cloud", "{site} 不是国资云"),
    "admission": ("{site} is not admitted", "{site} 尚未准入"),
    "site_lost": ("{site} is lost", "{site} 已失联"),
    "executor": ("{site} has no executor {names}", "{site} 没有执行器 {names}"),
    "model": ("{site} has no servers of the class {names}", "{site} 没有 {names} 类别的服务器"),
    "domestic": ("{site} has no domestic accelerators", "{site} 没有国产加速卡"),
    "distance": (
        "{site} is {found} km from {names}, at least {asked} is asked",
        "{site} 距 {names} {found} 公里, 至少需要 {asked} 公里",
    ),
    "unknown_distance": (
        "how far {site} is from {names} is not known",
        "{site} 与 {names} 的距离未知",
    ),
    "lease": (
        "of lease {names}, {site} has {found} units free, {asked} are asked",
        "租约 {names} 在 {site} 剩余 {found} 个单位, 需要 {asked}",
    ),
    "size_accelerators": (
        "the largest server of {site} has {found} accelerators, {asked} are asked",
        "{site} 最大的服务器有 {found} 张加速卡, 需要 {asked}",
    ),
    "size_cpu": (
        "the largest server of {site} has {found} vCPU, {asked} are asked",
        "{site} 最大的服务器有 {found} vCPU, 需要 {asked}",
    ),
    "size_memory": (
        "the largest server of {site} has {found} GiB, {asked} are asked",
        "{site} 最大的服务器有 {found} GiB 内存, 需要 {asked}",
    ),
    "size_gang": (
        "{site} could hold {found} of {asked} replicas, even empty",
        "{site} 即使全空也只能容纳 {asked} 个副本中的 {found} 个",
    ),
    "quota": ("its tenant is beyond its quota", "租户已超出配额"),
    "fair_share": ("others with a smaller share are served first", "份额较小者优先"),
}
OTHERWISE: Both = ("{site} fails by {dimension}", "{site} 不满足 {dimension}")
ALSO: Both = (", among other things", ", 另有其他原因")
MISSING = -1
SCALES = {
    "cpu": 1_000,
    "size_cpu": 1_000,
    "device_share": 1_000,
    "latency": 1_000,
    "price": 1_000_000,
    "memory": 1_024,
    "size_memory": 1_024,
}
UNITS = {
    "cpu": "milli-vCPU",
    "size_cpu": "milli-vCPU",
    "memory": "MiB",
    "size_memory": "MiB",
    "device_share": "milli-device",
    "latency": "us",
    "price": "micro-yuan",
    "distance": "km",
}


def miss_message(miss: Miss) -> workload_pb2.Miss:
    """The miss and what it says."""
    text, text_zh = _sentences(miss)
    return workload_pb2.Miss(
        dimension=miss.dimension,
        site_id=miss.site_id,
        server=miss.server,
        asked=miss.asked,
        found=miss.found,
        unit=UNITS.get(miss.dimension, ""),
        alone=miss.alone,
        measured=miss.measured,
        text=text,
        text_zh=text_zh,
    )


def start_texts(at_ms: int, site_id: str, because: Both) -> Both:
    """When, where and why then."""
    when = day_and_time(at_ms)
    return f"{when} in {site_id}: {because[0]}", f"{when} 于 {site_id}: {because[1]}"


def amount(value: int, scale: int) -> str:
    """Exact, in units of `scale`, without the zeros that say nothing; at most six digits."""
    whole, rest = divmod(value, scale)
    if not rest:
        return f"{whole:,}"
    digits = f"{rest * 1_000_000 // scale:06d}".rstrip("0")
    return f"{whole:,}.{digits[:6]}" if digits else f"{whole:,}"


def _sentences(miss: Miss) -> Both:
    name = f"measured_{miss.dimension}" if miss.measured else miss.dimension
    if miss.found == MISSING and miss.dimension in ("latency", "distance"):
        name = f"unknown_{miss.dimension}"
    english, chinese = MISSES.get(name, OTHERWISE)
    fields = _fields(miss)
    also = ("", "") if miss.alone else ALSO
    return english.format(**fields) + also[0], chinese.format(**fields) + also[1]


def _fields(miss: Miss) -> dict[str, str]:
    scale = SCALES.get(miss.dimension, 1)
    server = "" if miss.server is None else f"/{miss.server}"
    return {
        "site": miss.site_id,
        "at": f"{miss.site_id}{server}",
        "dimension": miss.dimension,
        "asked": amount(miss.asked, scale),
        "found": amount(miss.found, scale),
        "lack": amount(abs(miss.asked - miss.found), scale),
        "names": ", ".join(filter(None, miss.names)) or "–",
    }
