"""One page that needs nothing beside it: captions in two languages, plots, a table of figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

from hexi_sim.simulate import charts
from hexi_sim.simulate.measure import Sample
from hexi_sim.simulate.run import Result
from hexi_sim.simulate.spec import Spec
from hexi_sim.simulate.summary import summary, text

WS_PER_KWH = 3_600_000
CSS = """
body { font: 16px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; margin: 2rem auto;
  max-width: 960px; padding: 0 1rem; color: #1d2733; }
h1 { margin-bottom: 0; } h2 { margin: 2.2rem 0 0; font-size: 1.15rem; }
p.zh { margin: 0 0 .4rem; color: #56646f; } svg { width: 100%; height: auto; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #dde3e8;
  vertical-align: top; font-variant-numeric: tabular-nums; }
"""
FIGURES = {
    "workloads": ("Workloads submitted", "提交的作业"),
    "states": ("Where each of them ended", "作业的最终状态"),
    "cpu_allocated_percent": ("vCPU allocated, mean %", "vCPU 平均分配率 %"),
    "accelerators_allocated_percent": ("Accelerators allocated, mean %", "加速卡平均分配率 %"),
    "accelerators_allocated_percent_last": (
        "Accelerators allocated, at the end %",
        "期末加速卡分配率 %",
    ),
    "fragmentation_percent": ("Free but useless to the mix, mean %", "碎片率均值 %"),
    "wait_p50_s": ("Wait, half of them below, s", "等待时间中位数 秒"),
    "wait_p99_s": ("Wait, 99 in 100 below, s", "等待时间 p99 秒"),
    "energy_kwh": ("Energy with PUE, kWh", "含 PUE 的能耗 千瓦时"),
    "carbon_kg": ("Carbon, kg CO₂e", "碳排放 千克"),
    "evicted": ("Evictions by reason", "驱逐原因"),
    "wasted_accelerator_hours": ("Accelerator-hours lost by evictions", "驱逐浪费的卡时"),
    "unit_hours_billed": ("Unit-hours billed", "计费单元时"),
    "unfairness_percent": ("Mean distance from the DRF share, %", "与 DRF 份额的平均偏差 %"),
    "wrong": ("Breaches found by the audit", "审计发现的违规"),
    "digest": ("Digest of all decisions", "全部决策摘要"),
}


def page(spec: Spec, results: Sequence[Result]) -> str:
    """The whole page."""
    title = escape(f"{spec.name} {spec.title_zh}".strip())
    about = (
        f"{len(spec.sites)} sites, {spec.hours:g} h from {spec.start.isoformat()}, seed {spec.seed}"
    )
    parts = [f"<h1>{title}</h1><p class=zh>{escape(about)}</p>", _table(results)]
    parts += [_figure(en, zh, svg) for en, zh, svg in _plots(results)]
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        f"<meta name=viewport content='width=device-width'><title>{title}</title>"
        f"<style>{CSS}</style></head><body>{''.join(parts)}</body></html>\n"
    )


LINES: tuple[tuple[str, str, str, Callable[[Sample], float]], ...] = (
    ("Accelerators allocated", "加速卡分配率", "%", lambda s: 100 * s.accelerators_used),
    ("vCPU allocated", "vCPU 分配率", "%", lambda s: 100 * s.cpu_used),
    ("Fragmentation: free, of no use to what is asked", "碎片率", "%", lambda s: 100 * s.broken),
    ("Workloads that wait", "等待中的作业数", "", lambda s: s.waiting),
    ("IT power", "IT 功率", "kW", lambda s: s.it_w / 1_000),
    ("Energy so far, with PUE", "累计能耗(含 PUE)", "kWh", lambda s: s.energy_ws / WS_PER_KWH),
    ("Carbon so far", "累计碳排放", "kg", lambda s: s.carbon_g / 1_000),
    ("Preemptions so far", "累计抢占", "", lambda s: s.preempted),
    ("Evictions so far, preemptions among them", "累计驱逐(含抢占)", "", lambda s: s.evicted),
)


def _plots(results: Sequence[Result]) -> Iterator[tuple[str, str, str]]:
    for english, chinese, unit, value in LINES:
        yield english, chinese, charts.over_time(results, value, unit)
    yield "Wait to the first start by class", "各类作业的等待时间", charts.waits(results)
    for result in results:
        english = f"Dominant shares of tenants against DRF · {result.policy}"
        yield english, "租户主导份额与 DRF 公平份额", charts.fairness(result)


def _figure(english: str, chinese: str, svg: str) -> str:
    return f"<h2>{escape(english)}</h2><p class=zh>{escape(chinese)}</p>{svg}"


def _table(results: Sequence[Result]) -> str:
    rows = [summary(result) for result in results]
    head = "".join(f"<th>{escape(str(row['policy']))}</th>" for row in rows)
    body = "".join(
        f"<tr><td>{escape(english)}<br><small>{escape(chinese)}</small></td>"
        + "".join(f"<td>{escape(text(row[name]))}</td>" for row in rows)
        + "</tr>"
        for name, (english, chinese) in FIGURES.items()
    )
    return f"<table><tr><th></th>{head}</tr>{body}</table>"
