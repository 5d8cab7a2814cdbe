"""How every Kafka client of a process reaches the broker: address, certificate, quiet logs."""

from __future__ import annotations

import logging
import ssl
from typing import Any

from hexi_kit.identity import Identity

NOISY_LOGGERS = ("aiokafka", "aiokafka.conn", "aiokafka.consumer", "aiokafka.producer")


def ssl_context(identity: Identity) -> ssl.SSLContext:
    """Mutual TLS: our certificate out, the local authority as the only trust."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(identity.ca_path))
    context.load_cert_chain(str(identity.cert_path), str(identity.key_path))
    return context


def client_options(bootstrap: str, identity: Identity | None) -> dict[str, Any]:
    """Keyword arguments that any aiokafka client takes; no identity means plaintext."""
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    options: dict[str, Any] = {"bootstrap_servers": bootstrap}
    if identity is not None:
        options |= {"security_protocol": "SSL", "ssl_context": ssl_context(identity)}
    return options
