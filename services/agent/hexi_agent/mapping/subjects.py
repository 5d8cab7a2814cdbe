"""Which server a source means: by a table of names, after rules that rewrite them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.model import BaseModel, ConfigDict

NOBODY = -1


class SubjectRule(BaseModel):
    r"""`pattern: '(?P<host>[^:]+):\d+', server: '{host}'` finds the host in a target's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: str
    server: str

    def compiled(self) -> re.Pattern[str]:
        try:
            pattern = re.compile(self.pattern)
            self.server.format(**dict.fromkeys(pattern.groupindex, ""))
        except (re.error, KeyError, IndexError, ValueError) as error:
            raise InvalidArgument([Violation("subjects", f"{self.pattern}: {error}")]) from error
        return pattern


class Subjects:
    """`table` knows every server by its names; letters' case does not count."""

    def __init__(self, table: Mapping[str, int], rules: Iterable[SubjectRule] = ()) -> None:
        self._table = {name.casefold(): server for name, server in table.items()}
        self._rules = [(rule.compiled(), rule.server) for rule in rules]

    def server(self, subject: str) -> int:
        """Index of the server, or NOBODY."""
        found = self._table.get(subject.casefold(), NOBODY)
        return found if found != NOBODY else self._table.get(self.name(subject).casefold(), NOBODY)

    def name(self, subject: str) -> str:
        """What the rules make of it; without one that fits, what it is."""
        for pattern, name in self._rules:
            if (match := pattern.fullmatch(subject)) is not None:
                given = {key: text or "" for key, text in match.groupdict().items()}
                return name.format(**given)
        return subject
