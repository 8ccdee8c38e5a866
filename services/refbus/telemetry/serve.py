"""The metrics page of a process: plain HTTP, on this machine unless it is said twice that it should be elsewhere."""

from __future__ import annotations

import ipaddress
import threading
from typing import Protocol

from prometheus_client import start_http_server

from refbus.errors import Code, SetupError
from refbus.telemetry.metrics import Metrics


class _HttpServer(Protocol):
    server_port: int

    def shutdown(self) -> None: ...

    def server_close(self) -> None: ...


class MetricsServer:
    """A running metrics page, in a thread of its own."""

    def __init__(self, server: _HttpServer, thread: threading.Thread) -> None:
        self._server = server
        self._thread = thread

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_port

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(metrics: Metrics, port: int, host: str = "127.0.0.1", *, public: bool = False) -> MetricsServer:
    """Serve `metrics` on http://host:port/metrics; port 0 takes a free one.

    Raises SetupError: UNSAFE_SETTING for an address that others can reach unless `public`, SETTINGS_INVALID for an
    address that is not in digits or is in use.
    """
    check_host(host, public=public, setting="REFBUS_METRICS_PUBLIC")
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError:
        raise SetupError(Code.SETTINGS_INVALID, f"metrics port {port} cannot be used") from None
    return MetricsServer(server, thread)


def check_host(host: str, *, public: bool, setting: str) -> None:
    """Refuse an address that others can reach unless that was said by `setting`. Raises SetupError as `serve`."""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise SetupError(Code.SETTINGS_INVALID, "the address to serve on is not an IP address") from None
    if not loopback and not public:
        raise SetupError(Code.UNSAFE_SETTING, f"serving beyond this machine needs {setting}=yes")
