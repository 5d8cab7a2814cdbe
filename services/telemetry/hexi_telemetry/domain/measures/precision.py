"""Precisions as types: what is counted in one can not be taken for another."""

from __future__ import annotations

from typing import ClassVar


class Precision:
    """Numbers are those of the wire."""

    number: ClassVar[int] = 0


class Fp64(Precision):
    number = 1


class Fp32(Precision):
    number = 2


class Tf32(Precision):
    number = 3


class Fp16(Precision):
    number = 4


class Bf16(Precision):
    number = 5


class Int8(Precision):
    number = 6
