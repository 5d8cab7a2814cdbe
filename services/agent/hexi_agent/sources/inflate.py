"""Unpacks what the other side has packed, and stops at a bound."""

from __future__ import annotations

import zlib

# zlib reads both its own format and gzip's with this added to the window.
_EITHER = 32
# Each member costs a copy of what is left: few are honest.
_MEMBERS_MAX = 16
ENCODINGS = ("identity", "gzip", "deflate", "snappy")


class PackedWrongError(ValueError):
    """The bytes are not what their encoding says."""


class NotSpokenError(ValueError):
    """An encoding that we do not unpack."""


class TooLargeError(ValueError):
    """More than the bound, packed or unpacked."""


def inflate(body: bytes, encoding: str, bytes_max: int) -> bytes:
    """The unpacked body; `encoding` as in Content-Encoding, empty for none.

    Raises:
        NotSpokenError, TooLargeError, PackedWrongError
    """
    if len(body) > bytes_max:
        raise TooLargeError(f"expected at most {bytes_max} bytes")
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip" | "deflate":
            return _gunzip(body, bytes_max)
        case "snappy":
            return _unsnap(body, bytes_max)
    raise NotSpokenError(f"expected one of {', '.join(ENCODINGS)}, was {encoding[:40]!r}")


def _gunzip(body: bytes, bytes_max: int) -> bytes:
    found, left = b"", body
    # Several members one after the other are one file.
    for _ in range(_MEMBERS_MAX):
        stream = zlib.decompressobj(zlib.MAX_WBITS + _EITHER)
        try:
            found += stream.decompress(left, bytes_max - len(found) + 1)
        except zlib.error as error:
            raise PackedWrongError(f"gzip: {error}") from error
        if len(found) > bytes_max:
            raise TooLargeError(f"expected at most {bytes_max} bytes unpacked")
        if not stream.eof:
            raise PackedWrongError("gzip: expected an end, was cut off")
        left = stream.unused_data
        if not left:
            return found
    raise PackedWrongError(f"gzip: expected at most {_MEMBERS_MAX} members")


def _unsnap(body: bytes, bytes_max: int) -> bytes:
    """A snappy block tells its size before it is unpacked, and is checked against it."""
    # Only who sends snappy pays for it.
    import cramjam

    try:
        if cramjam.snappy.decompress_raw_len(body) > bytes_max:
            raise TooLargeError(f"expected at most {bytes_max} bytes unpacked")
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise PackedWrongError(f"snappy: {error}") from error
