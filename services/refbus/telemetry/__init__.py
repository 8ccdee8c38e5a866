"""Metrics: one catalogue, closed label sets, served on loopback."""

from refbus.telemetry.logs import configure_logs
from refbus.telemetry.metric import Kind, Metric, Service
from refbus.telemetry.registry import Metrics
from refbus.telemetry.serve import PageServer, Signs, serve

__all__ = ["Kind", "Metric", "Metrics", "PageServer", "Service", "Signs", "configure_logs", "serve"]
