"""The gRPC door."""

from hexi_telemetry.api.certificate import Certificates
from hexi_telemetry.api.push import DoorNeeds
from hexi_telemetry.api.quota import Quotas
from hexi_telemetry.api.servicer import TelemetryServicer

__all__ = ["Certificates", "DoorNeeds", "Quotas", "TelemetryServicer"]
