"""A secret in a file: read again when it changes, never shown."""

from __future__ import annotations

import hmac
from pathlib import Path

from hexi_kit.errors import InvalidArgument, Violation

SECRET_BYTES_MAX = 16 * 1024


class SecretFile:
    """Its holder may hold it for years: a new password needs no restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._text = ""

    def __repr__(self) -> str:
        return f"SecretFile({str(self._path)!r})"

    def read(self) -> str:
        """Without the line's end.

        Raises:
            InvalidArgument: the file cannot be read, is empty or far too large.
        """
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size)
            if seen != self._seen:
                if status.st_size > SECRET_BYTES_MAX:
                    raise self._wrong(f"expected at most {SECRET_BYTES_MAX} bytes")
                self._text, self._seen = self._path.read_text("utf-8").strip(), seen
        except (OSError, UnicodeDecodeError) as error:
            raise self._wrong(type(error).__name__) from error
        if not self._text:
            raise self._wrong("expected a secret, was empty")
        return self._text

    def is_bearer(self, header: str) -> bool:
        """Whether an Authorization header carries it; takes as long for any wrong one."""
        scheme, _, token = header.partition(" ")
        wanted = self.read().encode()
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), wanted)

    def _wrong(self, reason: str) -> InvalidArgument:
        return InvalidArgument([Violation(str(self._path), reason)])
