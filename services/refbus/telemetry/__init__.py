"""Metrics: one catalogue, closed label sets, served on loopback."""

from refbus.telemetry.logs import configure_logs
from refbus.telemetry.metric import Kind, Metric, Service
from refbus.telemetry.metrics import Metrics
from refbus.telemetry.serve import MetricsServer, serve

__all__ = ["Kind", "Metric", "Metrics", "MetricsServer", "Service", "configure_logs", "serve"]
