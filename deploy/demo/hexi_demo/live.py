"""The live view: a table that refreshes in a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

from collections import deque
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hexi_demo.pace import Pace
from hexi_demo.province import ALL_SITES
from hexi_demo.watch import Watch

EVENTS_SHOWN = 8
LINE_EVERY_S = 5.0
REFRESH_EVERY_S = 0.5
COUNTERS = (
    ("submitted", "提交 submitted"),
    ("placed", "放置 placed"),
    ("started", "启动 started"),
    ("ended", "完成 ended"),
    ("evicted", "迁出 evicted"),
    ("telemetry.frame", "遥测帧 frames"),
    ("marketplace.trade", "成交 trades"),
    ("settlement.transfer", "转账 transfers"),
    ("security.event", "安全事件 events"),
    ("security.incident", "事故 incidents"),
)


class LiveView:
    """Use as a context; `say` tells an event, `refresh` shows the newest figures."""

    def __init__(self, console: Console, watch: Watch) -> None:
        self._console = console
        self._watch = watch
        self._events: deque[str] = deque(maxlen=EVENTS_SHOWN)
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._last_line_s = -LINE_EVERY_S
        self._pace: Pace | None = None

    def __enter__(self) -> LiveView:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        at = f"{self._pace.elapsed_s():5.1f} s  " if self._pace else ""
        self._events.append(at + text)
        if self._live is None:
            self._console.print(at + text, highlight=False)
        else:
            self.refresh()

    async def run(self, pace: Pace) -> None:
        self._pace = pace
        told = False
        async for second in pace.beats(REFRESH_EVERY_S):
            if self._watch.first_placement_s is not None and not told:
                told = True
                self.say("first placement")
            if self._live is not None:
                self.refresh()
            elif second - self._last_line_s >= LINE_EVERY_S:
                self._last_line_s = second
                self._console.print(self._line(second), highlight=False)

    def refresh(self) -> None:
        if self._live is not None:
            self._live.update(self._page(), refresh=True)

    def _line(self, second: float) -> str:
        totals = self._watch.totals
        figures = "  ".join(f"{name.split('.')[-1]} {totals[name]}" for name, _ in COUNTERS)
        quarter = self._watch.measured.province()
        return f"{second:5.1f} s  {figures}" + (f"\n         {quarter.text()}" if quarter else "")

    def _page(self) -> Group:
        pace = self._pace
        bar = ProgressBar(pace.duration_s, min(pace.elapsed_s(), pace.duration_s)) if pace else ""
        events = Text("\n".join(self._events) or "…")
        parts = (self._sites(), self._telemetry(), self._counters())
        return Group(bar, *parts, Panel(events, title="发生了什么 events"))

    def _telemetry(self) -> Text:
        """The last quarter of an hour that is closed, and what stands behind its figures."""
        measured = self._watch.measured
        quarter = measured.province()
        signed = "  ".join(f"{n:,} frames signed {name}" for name, n in measured.signed.items())
        gaps = ", ".join(f"{n} {cause}" for cause, n in measured.gaps.items()) or "0"
        return Text(
            f"全省 province  {quarter.text() if quarter else '…'}\n"
            f"签名 {signed or '…'}  密钥 keys {measured.keys}  缺口 gaps {gaps}"
        )

    def _counters(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for start in range(0, len(COUNTERS), 5):
            table.add_row(
                *(
                    f"{title} [bold]{self._watch.totals[name]:,}[/]"
                    for name, title in COUNTERS[start : start + 5]
                )
            )
        return table

    def _sites(self) -> Table:
        table = Table(title="河西 Hexi", expand=False)
        table.add_column("数据中心 site")
        for title in ("servers", "out", "free vCPU", "free accelerators", "PUE", "live work"):
            table.add_column(title, justify="right")
        for facts in ALL_SITES:
            state = self._watch.sites.get(facts.site_id)
            if state is None:
                table.add_row(f"{facts.name_zh} {facts.name_en}", *["…"] * 6)
                continue
            classes = state.classes
            table.add_row(
                f"{facts.name_zh} {facts.name_en}",
                f"{sum(c.servers for c in classes):,}",
                f"{sum(c.servers_out for c in classes):,}",
                f"{sum(c.cpu_milli_free for c in classes) // 1_000:,}",
                f"{sum(c.accelerator_milli_free for c in classes) // 1_000:,}",
                self._pue(facts.site_id, state.pue_milli),
                f"{self._watch.live[facts.site_id]:,}",
            )
        return table

    def _pue(self, site_id: str, registered_milli: int) -> str:
        """Measured, with its bounds; until the first quarter is closed, as registered."""
        rollup = self._watch.measured.site(site_id)
        if rollup is None:
            return f"{registered_milli / 1_000:.3f}"
        pue = rollup.pue
        low, high = pue.low_milli / 1_000, pue.high_milli / 1_000
        return f"{pue.value_milli / 1_000:.3f} ({low:.3f}-{high:.3f})"
