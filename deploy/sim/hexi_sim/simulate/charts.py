"""The plots of a page, as SVG that stands in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pygal
from pygal.style import Style

from hexi_sim.simulate.measure import Sample
from hexi_sim.simulate.run import Result
from hexi_sim.simulate.summary import percentile, waits_s

POINTS_MAX = 240
MS_PER_H = 3_600_000
WS_PER_KWH = 3_600_000
STYLE = Style(
    background="white",
    plot_background="white",
    font_family="sans-serif",
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=14,
    title_font_size=16,
    colors=("#1b6ca8", "#d1495b", "#2e8b57", "#edae49", "#66537c", "#00798c", "#8d6a4f"),
)
NOT_DRAWN = re.compile(r"<script.*?</script>|<!--.*?-->", re.S)
Series = Mapping[str, Sequence[tuple[float, float]]]


def over_time(results: Sequence[Result], value: Callable[[Sample], float], unit: str) -> str:
    """One line a policy."""
    return lines({r.policy: curve(r.samples, value) for r in results}, unit)


def fairness(result: Result) -> str:
    """Dominant share of each tenant, and the share that progressive filling gives it."""
    series: dict[str, Sequence[tuple[float, float]]] = {}
    for tenant in sorted(result.samples[0].shares):
        series[tenant] = curve(result.samples, partial(_held, tenant))
        series[f"{tenant} · DRF"] = curve(result.samples, partial(_fair, tenant))
    return lines(series, "%", dashed=lambda name: name.endswith("DRF"))


def _held(tenant: str, sample: Sample) -> float:
    return 100 * sample.shares[tenant].held


def _fair(tenant: str, sample: Sample) -> float:
    return 100 * sample.shares[tenant].fair


def waits(results: Sequence[Result]) -> str:
    """Minutes to the first start by class: half, nine in ten, ninety-nine in a hundred."""
    chart = pygal.Bar(**_options("min"))
    by_policy = [(r.policy, waits_s(r)) for r in results]
    kinds = sorted({kind for _, found in by_policy for kind in found})
    chart.x_labels = kinds
    for policy, found in by_policy:
        for percent in (50, 90, 99):
            values = [round(percentile(found.get(kind, ()), percent) / 60, 2) for kind in kinds]
            chart.add(f"{policy} p{percent}", values)
    return _svg(chart)


def lines(series: Series, unit: str, dashed: Callable[[str], bool] = lambda _: False) -> str:
    chart = pygal.XY(**_options(unit), dots_size=1, show_dots=False)
    for name, points in series.items():
        style = {"width": 2, "dasharray": "4, 4"} if dashed(name) else {"width": 2}
        chart.add(name, list(points), stroke_style=style)
    return _svg(chart)


def curve(samples: Sequence[Sample], value: Callable[[Sample], float]) -> list[tuple[float, float]]:
    """Hours since the start against the value, thinned to what a plot can show."""
    step = max(1, len(samples) // POINTS_MAX)
    start_ms = samples[0].at_ms
    return [((s.at_ms - start_ms) / MS_PER_H, round(value(s), 4)) for s in samples[::step]]


def _options(unit: str) -> dict[str, Any]:
    return {
        "style": STYLE,
        "width": 900,
        "height": 320,
        "legend_at_bottom": True,
        "js": (),
        "x_title": "h",
        "y_title": unit,
        "truncate_legend": -1,
        "min_scale": 4,
        "max_scale": 8,
    }


def _svg(chart: Any) -> str:
    drawn = str(chart.render(is_unicode=True, disable_xml_declaration=True))
    return NOT_DRAWN.sub("", drawn)
