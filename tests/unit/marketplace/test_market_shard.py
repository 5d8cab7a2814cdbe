"""Goal: a shard decides each command once and closes gates in time. Method: commands by hand."""

from hexi_marketplace.domain.command import (
    Abandon,
    Cancel,
    CloseGates,
    Command,
    Event,
    Intend,
    OrderOver,
    Place,
    Trade,
)
from hexi_marketplace.domain.order import Order, OrderState, Side
from hexi_marketplace.domain.product import SLOT_MS, product_of
from hexi_marketplace.domain.shard import ABANDONED, GATE_CLOSED, MEMORY_MS, NO_CAPACITY, Shard

NOW_MS = 1_795_228_200_000
PRODUCT = product_of("general", "B", "jinchang", NOW_MS + 4 * SLOT_MS)
GATE_MS = PRODUCT.gate_closes_ms


class Log:
    """Feeds a shard as the order log would."""

    def __init__(self) -> None:
        self.shard = Shard(0)
        self.offset = 0
        self.now_ms = NOW_MS

    def __call__(self, command: Command) -> list[Event]:
        events = self.shard.apply(command, self.now_ms, self.offset)
        self.offset += 1
        return events


def buy(name: str, units: int, price: int = 100) -> Place:
    return Place(Order(name, PRODUCT.product_id, "buyer", "t", Side.BUY, price, units, hold_id="h"))


def sell(name: str, units: int, sellable: int = 100, product_id: str = "") -> Place:
    product_id = product_id or PRODUCT.product_id
    return Place(
        Order(name, product_id, "seller", "seller", Side.SELL, 100, units, units_sellable=sellable)
    )


def overs(events: list[Event]) -> list[tuple[str, OrderState, int, str]]:
    return [
        (e.order_id, e.state, e.units_left, e.reason) for e in events if isinstance(e, OrderOver)
    ]


def test_a_trade_comes_before_the_ends_it_causes() -> None:
    log = Log()
    log(sell("ask", 5))

    events = log(buy("bid", 5))

    assert isinstance(events[0], Trade)
    assert (events[0].units, events[0].price_micro_yuan, events[0].agreed_at_ms) == (5, 100, NOW_MS)
    assert overs(events) == [("ask", OrderState.FILLED, 0, ""), ("bid", OrderState.FILLED, 0, "")]


def test_an_order_written_twice_counts_once() -> None:
    log = Log()
    log(sell("ask", 5))

    assert log(sell("ask", 5)) == []
    assert log.shard.committed(PRODUCT) == 5


def test_sells_never_exceed_what_the_site_could_deliver() -> None:
    log = Log()
    worse = product_of("general", "C", "jinchang", PRODUCT.slot_start_ms).product_id
    log(sell("first", 6, sellable=10))
    log(buy("bid", 2))

    # Sold units stay committed, and another grade comes out of the same racks.
    assert overs(log(sell("much", 5, 10, worse))) == [("much", OrderState.REFUSED, 5, NO_CAPACITY)]
    assert log(sell("fits", 4, 10, worse)) == []
    log(Cancel("first", PRODUCT.product_id, "seller"))
    assert log.shard.committed(PRODUCT) == 6
    assert log(sell("again", 4, 10)) == []


def test_only_its_account_cancels_an_order_and_only_once() -> None:
    log = Log()
    log(buy("bid", 5))

    assert log(Cancel("bid", PRODUCT.product_id, "other")) == []
    cancelled = overs(log(Cancel("bid", PRODUCT.product_id, "buyer")))
    assert [(o[0], o[1], o[2]) for o in cancelled] == [("bid", OrderState.CANCELLED, 5)]
    assert log(Cancel("bid", PRODUCT.product_id, "buyer")) == []
    assert log(Cancel("bid", "no product", "buyer")) == []


def test_the_gate_expires_what_rests_and_refuses_what_comes() -> None:
    log = Log()
    log(buy("bid", 5))
    log(sell("ask", 3))
    log.now_ms = GATE_MS

    assert overs(log(CloseGates())) == [("bid", OrderState.EXPIRED, 2, GATE_CLOSED)]
    assert log(CloseGates()) == []
    assert overs(log(buy("late", 1))) == [("late", OrderState.REFUSED, 1, GATE_CLOSED)]


def test_the_gate_closes_with_the_first_command_after_it() -> None:
    log = Log()
    log(sell("ask", 3))
    log.now_ms = GATE_MS

    events = log(buy("late", 3))

    assert overs(events) == [
        ("ask", OrderState.EXPIRED, 3, GATE_CLOSED),
        ("late", OrderState.REFUSED, 3, GATE_CLOSED),
    ]
    assert log.shard.committed(PRODUCT) == 0


def test_time_never_runs_back() -> None:
    log = Log()
    log.now_ms = GATE_MS
    log(CloseGates())
    log.now_ms = NOW_MS

    assert overs(log(buy("late", 1))) == [("late", OrderState.REFUSED, 1, GATE_CLOSED)]


def test_an_abandoned_order_never_counts() -> None:
    log = Log()
    intent = Intend("bid", PRODUCT.product_id, "buyer", 5)
    log(intent)
    assert log.shard.waiting_intents() == [intent]
    log(Abandon("bid", PRODUCT.product_id))

    assert log.shard.abandoned("bid", PRODUCT.product_id)
    assert overs(log(buy("bid", 5))) == [("bid", OrderState.REFUSED, 5, ABANDONED)]
    assert log.shard.waiting_intents() == []


def test_an_order_that_came_in_time_is_not_abandoned() -> None:
    log = Log()
    log(Intend("bid", PRODUCT.product_id, "buyer", 5))
    log(buy("bid", 5))
    assert log.shard.waiting_intents() == []

    assert log(Abandon("bid", PRODUCT.product_id)) == []
    assert isinstance(log(sell("ask", 5))[0], Trade)


def test_old_products_are_forgotten() -> None:
    log = Log()
    log(sell("ask", 5))
    log(buy("bid", 2))
    log.now_ms = GATE_MS
    log(CloseGates())
    assert log.shard.find("bid") is not None
    log.now_ms = PRODUCT.slot_end_ms + MEMORY_MS
    log(CloseGates())

    assert log.shard.find("bid") is None
    assert log.shard.listings == {}
    assert log.shard.committed(PRODUCT) == 0


def test_an_unreadable_product_is_refused() -> None:
    log = Log()

    assert [o[1] for o in overs(log(sell("ask", 5, product_id="???")))] == [OrderState.REFUSED]
