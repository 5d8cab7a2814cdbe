"""The end of the demo: figures, checks, and a file for machines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from hexi_demo.audit.check import Check


@dataclass(slots=True)
class Summary:
    """What the run showed; it passed when every check did."""

    figures: dict[str, int | float | str] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(check.passed for check in self.checks)

    def print_to(self, console: Console) -> None:
        figures = Table(title="Figures 数字", show_header=False)
        for name, value in self.figures.items():
            figures.add_row(name, f"{value:,}" if isinstance(value, int) else str(value))
        console.print(figures)
        checks = Table(title="Checks, computed from the logs and the database 核对")
        checks.add_column("")
        checks.add_column("must hold")
        checks.add_column("counted")
        for check in self.checks:
            mark = "[green]✓[/]" if check.passed else "[red]✗[/]"
            detail = "\n".join([check.counted, *check.examples])
            checks.add_row(mark, check.name, detail)
        console.print(checks)
        verdict = "[green]every check holds[/]" if self.passed else "[red]a check failed[/]"
        console.print(verdict)

    def write_to(self, path: Path) -> None:
        document = {
            "passed": self.passed,
            "figures": self.figures,
            "checks": [asdict(check) for check in self.checks],
        }
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
