"""The Kafka doors: inventory's records and our own frame log in, frames out."""

from hexi_telemetry.stream.consumer import FrameConsumer
from hexi_telemetry.stream.frame_log import KafkaFrameLog
from hexi_telemetry.stream.inbox import Inbox, Keepers
from hexi_telemetry.stream.recent import RecentFrames

__all__ = ["FrameConsumer", "Inbox", "KafkaFrameLog", "Keepers", "RecentFrames"]
