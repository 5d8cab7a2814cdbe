"""Numbers out of 16-bit registers, and which registers are asked for together."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from hexi_agent.sources.findings import Finding
from hexi_agent.sources.modbus.options import Register

# The protocol allows 125.
WORDS_MAX = 120
_FORMATS = {
    "u16": ">H",
    "i16": ">h",
    "u32": ">I",
    "i32": ">i",
    "u64": ">Q",
    "i64": ">q",
    "f32": ">f",
    "f64": ">d",
}


class Block(NamedTuple):
    """Registers of one request: so many words of `table` from `address`."""

    table: str
    address: int
    words: int
    registers: tuple[Register, ...]


def blocks_of(registers: Iterable[Register]) -> list[Block]:
    """Only what touches is asked for together: many meters refuse a request that spans a hole."""
    found: list[Block] = []
    for register in sorted(registers, key=lambda one: (one.table, one.address)):
        end = register.address + register.words
        if found:
            last = found[-1]
            last_end = last.address + last.words
            words = max(last_end, end) - last.address
            touches = last.table == register.table and register.address <= last_end
            if touches and words <= WORDS_MAX:
                found[-1] = last._replace(words=words, registers=(*last.registers, register))
                continue
        found.append(Block(register.table, register.address, register.words, (register,)))
    return found


def number_of(
    register: Register, words: Sequence[int], stands: Callable[[float], float] = float
) -> float | Finding | None:
    """None where the meter itself knows nothing; `stands` is told what is in the register."""
    if len(words) != register.words or not all(0 <= word <= 0xFFFF for word in words):
        wanted = f"expected {register.words} registers, was {len(words)}"
        return Finding("short-answer", register.name, wanted)
    ordered = words if register.word_order == "big" else tuple(reversed(words))
    packed = struct.pack(f">{len(ordered)}H", *ordered)
    if int.from_bytes(packed, "big") in register.invalid:
        return None
    raw = float(struct.unpack(_FORMATS[register.type], packed)[0])
    if raw - raw != 0:
        return Finding("not-a-number", register.name, f"expected a number, was {raw}")
    return register.offset + register.scale * stands(raw)
