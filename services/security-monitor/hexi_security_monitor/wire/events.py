"""Reads OCSF events as other services tell them, strictly."""

from __future__ import annotations

import re
from typing import Annotated, Any

from hexi_kit.errors import Poison, Unauthenticated
from hexi_kit.identity.principal import parse_spiffe
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hexi_security_monitor.domain.event import Event

SITE_ID = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$")
TIME_MS_MAX = 253_402_300_799_000
RACKS_MAX = 20_000
NUMBER_MAX = 2**53

Text = Annotated[str, Field(max_length=512, pattern=r"^[^\x00]*$")]
# As large as the field of the frame it was copied from: what was refused may be absurd.
Count = Annotated[int, Field(ge=0, le=2**64 - 1)]


class _Read(BaseModel):
    # Numbers must be numbers; OCSF allows more attributes than we look at.
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Product(_Read):
    name: Text
    vendor_name: Text


class _Metadata(_Read):
    version: Annotated[str, Field(pattern=r"^1\.[0-9]{1,2}\.[0-9]{1,2}(-[a-z0-9]+)?$")]
    product: _Product
    uid: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]


class _Own(_Read):
    kind: Annotated[str, Field(pattern=r"^[a-z]+(\.[a-z]+)*$", max_length=64)]
    reason: Text
    site_id: Annotated[str, Field(pattern=SITE_ID.pattern, max_length=64)] = ""
    agent_id: Text = ""
    principal: Text = ""
    source: Text = ""
    server_set_revision: Count = 0
    first_server: Count = 0
    count: Count = 0
    racks: Annotated[list[Text], Field(max_length=RACKS_MAX)] = []


class _Unmapped(_Read):
    hexi: _Own


class _Document(_Read):
    class_uid: Annotated[int, Field(ge=0, le=10**6)]
    category_uid: Annotated[int, Field(ge=0, le=1_000)]
    type_uid: Annotated[int, Field(ge=0, le=10**9)]
    activity_id: Annotated[int, Field(ge=0, le=99)]
    severity_id: Annotated[int, Field(ge=0, le=99)]
    time: Annotated[int, Field(ge=1, le=TIME_MS_MAX)]
    metadata: _Metadata
    unmapped: _Unmapped | None = None


def event_of(document: dict[str, Any]) -> Event:
    """The event of an OCSF document.

    Raises:
        Poison: it is not one, with the first attribute that is wrong.
    """
    try:
        read = _Document.model_validate(document)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise Poison(f"expected an OCSF event, {place}: {problem['msg']}") from None
    if read.type_uid != read.class_uid * 100 + read.activity_id:
        raise Poison(f"expected type_uid of class and activity, was {read.type_uid}")
    own = read.unmapped.hexi if read.unmapped else _Own(kind="foreign", reason="")
    return Event(
        uid=read.metadata.uid,
        type_uid=read.type_uid,
        time_ms=read.time,
        kind=own.kind,
        reason=own.reason,
        site_id=own.site_id,
        agent_id=own.agent_id,
        principal=own.principal,
        principal_site=_site_of(own.principal),
        source=own.source,
        server_set_revision=_bounded(own.server_set_revision),
        first_server=_bounded(own.first_server),
        count=_bounded(own.count),
        racks=tuple(own.racks),
    )


def _bounded(number: int) -> int:
    """No revision and no server has a larger number; 0 says nothing."""
    return number if number <= NUMBER_MAX else 0


def _site_of(principal: str) -> str:
    try:
        named = parse_spiffe(principal)
    except Unauthenticated:
        return ""
    return named.scope if named.kind == "agent" else ""
