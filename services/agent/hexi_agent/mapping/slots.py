"""Which slot a series has: in one dictionary they would weigh as much as all else that is known."""

from __future__ import annotations

from array import array

# Up to so many are looked through one by one.
FEW = 128


class Slots:
    """By subject and identity; most subjects have a few dozen."""

    def __init__(self) -> None:
        self._few: dict[int, tuple[array[int], array[int]]] = {}
        self._many: dict[int, dict[int, int]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def get(self, subject: int, identity: int) -> int:
        """-1 if there is none."""
        many = self._many.get(subject)
        if many is not None:
            return many.get(identity, -1)
        identities, slots = self._few.get(subject, _NONE)
        try:
            return slots[identities.index(identity)]
        except ValueError:
            return -1

    def put(self, subject: int, identity: int, slot: int) -> None:
        """Of a series that has none."""
        self._count += 1
        many = self._many.get(subject)
        if many is not None:
            many[identity] = slot
            return
        identities, slots = self._few.setdefault(subject, (array("q"), array("q")))
        identities.append(identity)
        slots.append(slot)
        if len(slots) > FEW:
            self._many[subject] = dict(zip(identities, slots, strict=True))
            del self._few[subject]

    def remove(self, subject: int, identity: int) -> None:
        """Of a series that has one."""
        self._count -= 1
        many = self._many.get(subject)
        if many is not None:
            del many[identity]
            return
        identities, slots = self._few[subject]
        place = identities.index(identity)
        identities[place], slots[place] = identities[-1], slots[-1]
        del identities[-1], slots[-1]


_NONE = (array("q"), array("q"))
