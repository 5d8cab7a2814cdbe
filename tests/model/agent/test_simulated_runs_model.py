"""Goal: whatever orders, ends, restarts and repeats come, no load is lost and no run ends twice.
Method: a state machine against the scheduler's view of the same runs."""

from hexi_agent.domain.load import Load, Share
from hexi_agent.domain.simulated_runs import RunOrder, RunState, SimulatedRuns
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

NOW_MS = 1_800_000_000_000
SERVERS = 4
shares = st.lists(
    st.builds(Share, st.integers(0, SERVERS - 1), st.integers(1, 9_000), st.integers(0, 8_000)),
    min_size=1,
    max_size=4,
).map(tuple)


class Site(RuleBasedStateMachine):
    """`live` is what the scheduler believes: orders in force, with the start it has recorded."""

    names = Bundle("names")

    @initialize()
    def begin(self) -> None:
        self.now_ms = NOW_MS
        self.live: dict[str, RunOrder] = {}
        self.ended: list[str] = []
        self.count = 0
        self.restart()

    @rule(target=names, shares=shares, duration_s=st.integers(0, 900), most_s=st.integers(0, 900))
    def place(self, shares: tuple[Share, ...], duration_s: int, most_s: int) -> str:
        self.count += 1
        name = f"p{self.count}"
        self.live[name] = RunOrder(name, shares, duration_s, most_s)
        self.hear(self.runs.begin(self.live[name], self.now_ms))
        return name

    @rule(name=names)
    def repeat(self, name: str) -> None:
        if name in self.live:
            self.hear(self.runs.begin(self.live[name], self.now_ms))

    @rule(name=names)
    def evict(self, name: str) -> None:
        self.live.pop(name, None)
        self.runs.take_back(name)

    @rule(seconds=st.integers(0, 500))
    def pass_time(self, seconds: int) -> None:
        self.now_ms += seconds * 1_000
        self.hear(self.runs.end_due(self.now_ms))

    @rule()
    def restart(self) -> None:
        """A new life knows nothing but the picture."""
        self.load = Load(SERVERS)
        self.runs = SimulatedRuns(self.load, lambda shares: 1.0)
        for order in self.live.values():
            self.hear(self.runs.begin(order, self.now_ms))
        self.runs.keep_only(set(self.live))

    def hear(self, events: list) -> None:
        for event in events:
            order = self.live.get(event.placement_id)
            assert order is not None, "told of a run nobody asked for"
            if event.state is RunState.STARTED:
                assert order.started_at_ms == 0
                self.live[event.placement_id] = order._replace(started_at_ms=event.at_ms)
                continue
            wanted_s = min(order.duration_s or 600, order.duration_s_max or 10**9)
            assert event.at_ms == order.started_at_ms + 1_000 * wanted_s <= self.now_ms
            assert event.placement_id not in self.ended
            self.ended.append(event.placement_id)
            del self.live[event.placement_id]

    @invariant()
    def load_is_what_runs(self) -> None:
        cpu = [0] * SERVERS
        for order in self.live.values():
            for share in order.shares:
                cpu[share.server] += share.cpu_milli
        assert self.load.cpu_milli.tolist() == cpu
        assert len(self.runs) == len(self.live)


Site.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSite = Site.TestCase
