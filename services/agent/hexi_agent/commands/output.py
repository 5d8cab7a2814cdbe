"""Plain tables for a terminal, in Chinese or English, and JSON for machines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from unicodedata import east_asian_width

IS_CHINESE = os.environ.get("LANG", "").startswith("zh")
CELL_MAX = 60
ROWS_MAX = 500
TITLES = {
    "mapped": "已映射",
    "not mapped": "未映射",
    "coverage": "覆盖",
    "problems": "问题",
    "source": "来源",
    "reading": "读数",
    "readings": "条数",
    "series": "序列",
    "meters": "计量表",
    "stands at": "示数",
    "metric": "指标",
    "reason": "原因",
    "example": "示例",
    "servers": "服务器",
    "silent": "无读数",
    "change": "变化",
    "server": "服务器",
    "field": "字段",
    "before": "原值",
    "now": "现值",
    "seen": "所见",
    "against the table": "与主机表比较",
    "against the published revision": "与已发布版本比较",
}


def title(text: str) -> str:
    return TITLES.get(text, text) if IS_CHINESE else text


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")


def say_json(value: object) -> None:
    say(json.dumps(value, ensure_ascii=False, indent=2))


def table(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A heading and aligned columns; a table without rows says so."""
    lines = [[title(column) for column in columns]]
    lines += [[_cell(value) for value in row] for row in rows]
    say(f"\n{title(name)} ({len(lines) - 1})")
    if len(lines) == 1:
        return
    widths = [max(_width(line[n]) for line in lines) for n in range(len(columns))]
    shown = lines[: ROWS_MAX + 1]
    for line in shown:
        padded = [text + " " * (w - _width(text)) for text, w in zip(line, widths, strict=True)]
        say("  " + "  ".join(padded).rstrip())
    if len(shown) < len(lines):
        say(f"  + {len(lines) - len(shown)}")


def _cell(value: object) -> str:
    # Names come from devices: no control character reaches the terminal.
    text = "".join(one if one.isprintable() else "?" for one in str(value))
    return text if len(text) <= CELL_MAX else text[: CELL_MAX - 1] + "…"


def _width(text: str) -> int:
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in text)
