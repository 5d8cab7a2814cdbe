"""Arbitrary protobuf messages from a source of chance: mostly plausible, often extreme."""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

_DEPTH_MAX = 5
_REPEATED_MAX = 4
_UNSET_SHARE = 0.25
_HINT_SHARE = 0.6
_TEXTS = (
    "", "a", "site-1", "lanzhou", "x" * 64, "x" * 5_000, "../../etc", "' or 1=1 --", "%s%n{}",
    "\x00", "\n", "兰州", "👩‍🚀", "\u202e", "spiffe://hexi/service/x", "-1", "NaN", "1e309", "null",
)  # fmt: skip
_FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e308, -1e308, 5e-324, float("inf"), float("nan"))
_SIGNED_32 = (0, 1, -1, 2, 100, 2**31 - 1, -(2**31))
_SIGNED_64 = (*_SIGNED_32, 2**31, 2**53, 1_800_000_000_000, 2**63 - 1, -(2**63))
_UNSIGNED_32 = (0, 1, 2, 100, 2**31, 2**32 - 1)
_UNSIGNED_64 = (*_UNSIGNED_32, 2**53, 2**63, 2**64 - 1)

_F = FieldDescriptor
_INTEGERS: dict[int, tuple[int, ...]] = {
    **dict.fromkeys((_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32), _SIGNED_32),
    **dict.fromkeys((_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64), _SIGNED_64),
    **dict.fromkeys((_F.TYPE_UINT32, _F.TYPE_FIXED32), _UNSIGNED_32),
    **dict.fromkeys((_F.TYPE_UINT64, _F.TYPE_FIXED64), _UNSIGNED_64),
}
_UNKNOWN_ENUM = 9_999


def arbitrary(
    descriptor: Descriptor, dice: Random, hints: Mapping[str, Sequence[Any]] | None = None
) -> Message:
    """One message; the same dice, the same message."""
    return _message(descriptor, dice, hints or {}, 0)


def _message(
    descriptor: Descriptor, dice: Random, hints: Mapping[str, Sequence[Any]], depth: int
) -> Message:
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if dice.random() < _UNSET_SHARE or (_is_message(field) and depth >= _DEPTH_MAX):
            continue
        make = _maker(field, dice, hints, depth)
        count = dice.randint(0, _REPEATED_MAX)
        if (entry := _map_entry(field)) is not None:
            _fill_map(getattr(message, field.name), entry, [make() for _ in range(count)])
        elif field.is_repeated:
            getattr(message, field.name).extend(make() for _ in range(count))
        elif _is_message(field):
            getattr(message, field.name).CopyFrom(make())
        else:
            setattr(message, field.name, make())
    return message


def _maker(
    field: FieldDescriptor, dice: Random, hints: Mapping[str, Sequence[Any]], depth: int
) -> Callable[[], Any]:
    hint = hints.get(field.name)

    def make() -> Any:
        if field.message_type is not None:
            return _message(field.message_type, dice, hints, depth + 1)
        if hint and dice.random() < _HINT_SHARE:
            return dice.choice(hint)
        return _scalar(field, dice)

    return make


def _scalar(field: FieldDescriptor, dice: Random) -> Any:
    if (numbers := _INTEGERS.get(field.type)) is not None:
        return dice.choice(numbers) if dice.random() < 0.5 else dice.randint(0, 1_000)
    if field.enum_type is not None:
        known = [value.number for value in field.enum_type.values]
        return dice.choice([*known, _UNKNOWN_ENUM])
    if field.type in (_F.TYPE_DOUBLE, _F.TYPE_FLOAT):
        return dice.choice(_FLOATS)
    if field.type == _F.TYPE_BOOL:
        return dice.random() < 0.5
    if field.type == _F.TYPE_BYTES:
        return dice.randbytes(dice.choice((0, 1, 16, 64, 4_096)))
    return dice.choice(_TEXTS)


def _fill_map(target: Any, entry: Descriptor, made: Sequence[Any]) -> None:
    for pair in made:
        if _is_message(entry.fields_by_name["value"]):
            target[pair.key].CopyFrom(pair.value)
        else:
            target[pair.key] = pair.value


def _is_message(field: FieldDescriptor) -> bool:
    return field.message_type is not None


def _map_entry(field: FieldDescriptor) -> Descriptor | None:
    entry = field.message_type
    return entry if entry is not None and entry.GetOptions().map_entry else None
