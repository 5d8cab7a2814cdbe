"""SQL that lives in .sql files, found by name.

A statement begins with a line `-- name: account_of` and a comment that says what it is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

NAME = re.compile(r"^--\s*name:\s*([a-z][a-z0-9_]*)\s*$", re.MULTILINE)


class Queries(Mapping[str, str]):
    """The statements of one file, by name: `queries.account_of`."""

    def __init__(self, statements: Mapping[str, str]) -> None:
        self._statements = dict(statements)

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def __getattr__(self, name: str) -> str:
        try:
            return self._statements[name]
        except KeyError:
            known = ", ".join(sorted(self._statements))
            raise AttributeError(f"expected one of {known}, was {name}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


@cache
def load(package: str, name: str) -> Queries:
    """Read `name` from the files of `package`."""
    return parse((files(package) / name).read_text(encoding="utf-8"), name)


def parse(text: str, source: str) -> Queries:
    """Statements between name lines; each says in a comment what it is for."""
    pieces = NAME.split(text)
    if NAME.search(text) is None or not _only_comments(pieces[0]):
        raise ValueError(f"{source}: expected the file to begin with `-- name: …`")
    statements: dict[str, str] = {}
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        if name in statements:
            raise ValueError(f"{source}: expected one query called {name}, was two")
        if not body.lstrip().startswith("--"):
            raise ValueError(f"{source}: expected a sentence below `-- name: {name}`")
        statements[name] = body.strip()
    return Queries(statements)


def _only_comments(text: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("--") for line in text.splitlines())
