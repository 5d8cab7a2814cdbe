"""How fast orders match: the book alone, the shard, and a command from bytes to bytes."""

from __future__ import annotations

from collections.abc import Callable

from hexi.marketplace.v1 import marketplace_pb2
from hexi_kit.clock import SystemClock
from hexi_kit.ids import seeded
from hexi_kit.kafka.codec import encode
from hexi_marketplace.domain.book import Book
from hexi_marketplace.domain.command import Cancel, Command, Place
from hexi_marketplace.domain.order import Order, Side, TimeInForce
from hexi_marketplace.domain.product import SLOT_MS, product_of
from hexi_marketplace.domain.shard import Shard
from hexi_marketplace.stream.turn import Turn
from hexi_marketplace.wire.commands import write_command
from hexi_marketplace.wire.events import NOTHING

from tests.bench.figures import show

COMMANDS = 100_000
NOW_MS = 1_795_228_200_000
PRODUCT = product_of("general", "B", "jinchang", NOW_MS + 4 * SLOT_MS)
GTC, IOC = TimeInForce.GOOD_TILL_CANCELLED, TimeInForce.IMMEDIATE_OR_CANCEL


def stream() -> list[Command]:
    """60 % limit orders, 40 % cancels of earlier ones, prices around one middle."""
    rng = seeded(1)
    commands: list[Command] = []
    placed: list[Order] = []
    for number in range(COMMANDS):
        if placed and rng.random() < 0.4:
            order = placed[rng.randrange(max(0, len(placed) - 500), len(placed))]
            commands.append(Cancel(order.order_id, order.product_id, order.account))
            continue
        side = rng.choice(list(Side))
        order = Order(
            f"order-{number}",
            PRODUCT.product_id,
            "seller" if side is Side.SELL else f"buyer-{number % 7}",
            "tenant",
            side,
            rng.randrange(140, 160) * 100,
            rng.randrange(1, 64),
            GTC if rng.random() < 0.9 else IOC,
            units_sellable=2**40,
        )
        placed.append(order)
        commands.append(Place(order))
    return commands


def book_alone(commands: list[Command]) -> None:
    book = Book()
    for command in commands:
        if isinstance(command, Place):
            book.submit(command.order)
        elif isinstance(command, Cancel):
            book.remove(command.order_id)


def shard(commands: list[Command]) -> None:
    one = Shard(0)
    for offset, command in enumerate(commands):
        one.apply(command, NOW_MS, offset)


def bytes_to_bytes(values: list[bytes]) -> None:
    turn = Turn(Shard(0), NOTHING, NOTHING)
    for offset, value in enumerate(values):
        turn.apply(marketplace_pb2.OrderCommand.FromString(value), offset)
    for output in (*turn.take_trades(), *turn.take_leases()):
        encode(output.message)


def per_second(run: Callable[[], None]) -> float:
    clock = SystemClock()
    begun_s = clock.real_monotonic_s()
    run()
    return COMMANDS / (clock.real_monotonic_s() - begun_s)


def main() -> None:
    values = [encode(write_command(command, NOW_MS)) for command in stream()]
    for name, commands, run in (
        ("match_book", stream(), book_alone),
        ("match_shard", stream(), shard),
    ):
        show(name, round(per_second(lambda run=run, c=commands: run(c))), "commands/s")
    show("match_bytes", round(per_second(lambda: bytes_to_bytes(values))), "commands/s")
