"""Frames on disk, by stream, until telemetry has decided them."""

from hexi_agent.spool.disk import Spool, SpoolLimits, Stored
from hexi_agent.spool.streams import (
    Stream,
    StreamName,
    begin_epoch,
    highest_sequences,
    open_stream,
    pending,
)

__all__ = [
    "Spool",
    "SpoolLimits",
    "Stored",
    "Stream",
    "StreamName",
    "begin_epoch",
    "highest_sequences",
    "open_stream",
    "pending",
]
