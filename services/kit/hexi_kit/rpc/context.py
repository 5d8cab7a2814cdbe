"""What a handler may ask about the call it serves."""

from contextvars import ContextVar

from hexi_kit.errors import Unauthenticated
from hexi_kit.identity.principal import Principal

_principal: ContextVar[Principal | None] = ContextVar("principal", default=None)


def current_principal() -> Principal:
    """Who makes this call; outside of a call there is nobody."""
    principal = _principal.get()
    if principal is None:
        raise Unauthenticated("no call is being served here")
    return principal


def set_principal(principal: Principal | None) -> None:
    """For the gate, and for tests that call a servicer without a server."""
    _principal.set(principal)
