"""Draws series as SVG."""

from __future__ import annotations

import re
from datetime import datetime

import pygal
from hexi.telemetry.v1 import series_pb2

from hexi_cli.render import SHANGHAI

LABELS_MAX = 12
# A picture needs no scripts, and says nothing of who drew it.
_NOT_DRAWN = re.compile(r"<script.*?</script>|<script[^>]*/>|<!--.*?-->", re.S)


def draw(series: series_pb2.Series, caption: str, unit: str) -> str:
    """Mean between lowest and highest; where nothing was heard there is no line."""
    count = len(series.mean)
    chart = pygal.Line(
        title=caption,
        y_title=unit,
        show_dots=False,
        width=1_000,
        height=400,
        legend_at_bottom=True,
        js=(),
        x_label_rotation=30,
        show_minor_x_labels=False,
    )
    starts = (series.from_ms + place * series.step_ms for place in range(count))
    labels = [datetime.fromtimestamp(ms / 1_000, SHANGHAI).strftime("%m-%d %H:%M") for ms in starts]
    chart.x_labels = labels
    chart.x_labels_major = labels[:: max(1, count // LABELS_MAX)]
    for name, values in (("high", series.high), ("mean", series.mean), ("low", series.low)):
        heard = zip(values, series.coverage_ppm, strict=True)
        chart.add(name, [value if coverage else None for value, coverage in heard])
    return _NOT_DRAWN.sub("", str(chart.render(is_unicode=True)))
