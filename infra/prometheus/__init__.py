"""The alert rules as a file, and a real Prometheus for tests and the demonstration: started here, never in a service.

The program is not of this project and is not fetched: Debian has it as `prometheus`.
"""

from prometheus.server import NoPrometheusError, ask, running

__all__ = ["NoPrometheusError", "ask", "running"]
