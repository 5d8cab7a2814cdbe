"""The questions we put to SNMP agents, each with an end and a bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hexi_kit.errors import Unavailable
from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch import asyncio as hlapi
from pysnmp.proto.rfc1902 import OctetString
from pysnmp.proto.rfc1905 import EndOfMibView, NoSuchInstance, NoSuchObject

from hexi_agent.sources.secret import SecretFile
from hexi_agent.sources.snmp.options import SnmpOptions, SnmpTarget, User
from hexi_agent.sources.snmp.values import Said

# What fits into a datagram that no network cuts.
OBJECTS_MAX, ROWS_AT_ONCE = 20, 20
_HASHES = {
    "md5": hlapi.USM_AUTH_HMAC96_MD5,
    "sha": hlapi.USM_AUTH_HMAC96_SHA,
    "sha224": hlapi.USM_AUTH_HMAC128_SHA224,
    "sha256": hlapi.USM_AUTH_HMAC192_SHA256,
    "sha384": hlapi.USM_AUTH_HMAC256_SHA384,
    "sha512": hlapi.USM_AUTH_HMAC384_SHA512,
}
_CIPHERS = {
    "des": hlapi.USM_PRIV_CBC56_DES,
    "aes128": hlapi.USM_PRIV_CFB128_AES,
    "aes192": hlapi.USM_PRIV_CFB192_AES,
    "aes256": hlapi.USM_PRIV_CFB256_AES,
}


class Row(NamedTuple):
    """A cell of a column; `place` is what follows the column in its name."""

    place: str
    said: Said


class _RefusedError(Exception):
    """The agent has something against one of the objects; 0 for no one in particular."""

    def __init__(self, place: int) -> None:
        self.place = place
        super().__init__(f"object {place}")


class Agent:
    """One target. What goes wrong is Unavailable.

    An engine of the library knows one set of keys by a name: targets that share one share both.
    """

    def __init__(self, engine: Any, target: SnmpTarget, options: SnmpOptions) -> None:
        self._engine, self._target, self._options = engine, target, options
        self._transport: Any = None
        user = target.user
        paths = [target.community] if user is None else [user.hash_key, user.cipher_key]
        self._secrets = [SecretFile(path) for path in paths if path is not None]

    async def get(self, oids: Sequence[str]) -> list[Said]:
        """In the order asked; None for what is not there."""
        said: dict[str, Said] = {}
        for first in range(0, len(oids), OBJECTS_MAX):
            said |= await self._get(list(oids[first : first + OBJECTS_MAX]))
        return [said.get(oid.lstrip(".")) for oid in oids]

    async def _get(self, oids: list[str]) -> dict[str, Said]:
        try:
            answer = await self._ask(hlapi.get_cmd, *_objects(oids))
        except _RefusedError as error:
            if len(oids) == 1:
                return {}
            if 1 <= error.place <= len(oids):
                return await self._get(oids[: error.place - 1] + oids[error.place :])
            middle = len(oids) // 2
            return await self._get(oids[:middle]) | await self._get(oids[middle:])
        return {str(name): _said(value) for name, value in answer}

    async def walk(self, column: str) -> list[Row]:
        """Its rows up to the bound; an agent that turns in circles is left."""
        start, after = column.lstrip(".") + ".", column
        rows: list[Row] = []
        while len(rows) < self._options.rows_max:
            try:
                answer = await self._ask(hlapi.bulk_cmd, 0, ROWS_AT_ONCE, *_objects([after]))
            except _RefusedError:
                break
            for name, value in answer:
                oid = str(name)
                if not oid.startswith(start) or _key(oid) <= _key(after):
                    return rows
                rows.append(Row(oid.removeprefix(start), _said(value)))
                after = oid
            if not answer:
                break
        return rows[: self._options.rows_max]

    async def _ask(self, command: Any, *what: Any) -> Sequence[Any]:
        target, options = self._target, self._options
        try:
            if self._transport is None:
                kind = hlapi.Udp6TransportTarget if ":" in target.host else hlapi.UdpTransportTarget
                self._transport = await kind.create(
                    (target.host, target.port), options.request_timeout_ms / 1_000, options.retries
                )
            user = target.user
            context = hlapi.ContextData(contextName=user.context.encode() if user else b"")
            problem, status, place, answer = await command(
                self._engine, self._who(), self._transport, context, *what, lookupMib=False
            )
        except (PySnmpError, OSError) as error:
            raise Unavailable(f"snmp: {error}"[:200]) from error
        if problem:
            raise Unavailable(f"snmp: {problem}"[:200])
        if int(status):
            raise _RefusedError(int(place))
        return list(answer)

    def _who(self) -> Any:
        keys = [secret.read() for secret in self._secrets]
        user = self._target.user
        return hlapi.CommunityData(keys[0]) if user is None else _usm(user, keys)


def _usm(user: User, keys: Sequence[str]) -> Any:
    if user.cipher is None:
        return hlapi.UsmUserData(user.name, keys[0], authProtocol=_HASHES[user.hash])
    return hlapi.UsmUserData(
        user.name,
        keys[0],
        keys[1],
        authProtocol=_HASHES[user.hash],
        privProtocol=_CIPHERS[user.cipher],
    )


def _objects(oids: Sequence[str]) -> list[Any]:
    return [hlapi.ObjectType(hlapi.ObjectIdentity(oid)) for oid in oids]


def _key(oid: str) -> tuple[int, ...]:
    return tuple(int(part) for part in oid.strip(".").split("."))


def _said(value: Any) -> Said:
    if isinstance(value, (NoSuchObject, NoSuchInstance, EndOfMibView)):
        return None
    return bytes(value) if isinstance(value, OctetString) else int(value)
