"""The metrics page of a process, whether it lives and is ready, and pages like it: plain HTTP.

It is on this machine unless it is said twice that it should be elsewhere.

It is in a process that has better things to do, so whoever asks gets little of it: a few requests at a time, each with
a deadline for all of it and a bound on its bytes.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedIOBase
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import make_wsgi_app

from refbus.errors import Code, SetupError
from refbus.telemetry.registry import Metrics

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
App = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]
"""A WSGI application."""

AT_ONCE = 8
"""Requests at the same time, each in a thread; a connection beyond them is closed."""
DEADLINE_S = 10.0
"""How long a connection may take from its first byte to its last, however slowly they come."""
MOST_BYTES = 16_384
"""Bytes of a request, its headers included."""


class _BoundedReader:
    """Reads lines of a request as long as it is not too long."""

    def __init__(self, source: BufferedIOBase) -> None:
        self._source = source
        self._left = MOST_BYTES

    def readline(self, size: int = -1) -> bytes:
        """Return a line. Raises ConnectionAbortedError when the request is too long."""
        line = self._source.readline(size if 0 <= size <= self._left else self._left + 1)
        self._left -= len(line)
        if self._left < 0:
            raise ConnectionAbortedError
        return line

    def close(self) -> None:
        """Close the source."""
        self._source.close()


class _Handler(WSGIRequestHandler):
    """Answers one request and says nothing of it in the log."""

    def setup(self) -> None:
        """Bound what is read."""
        super().setup()
        self.rfile: Any = _BoundedReader(self.rfile)

    def handle(self) -> None:
        """Answer; a reader that is gone or too slow is nobody's fault here."""
        with suppress(OSError, ValueError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""


class _Server(ThreadingMixIn, WSGIServer):
    """A server with a bounded number of threads, each with a deadline."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], family: socket.AddressFamily) -> None:
        self.address_family = family
        self._room = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, if there is room for one."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer until the deadline, which closes the connection under whoever waits for it."""
        cut = threading.Timer(DEADLINE_S, _cut, (request,))
        cut.daemon = True
        cut.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            cut.cancel()
            self._room.release()


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class PageServer:
    """A running page, in a thread of its own."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, name="page", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_port

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass(frozen=True, slots=True)
class Signs:
    """What something outside asks of a process: whether to start it again, and whether it does its work now."""

    lives: Callable[[], bool] = lambda: True
    is_ready: Callable[[], bool] = lambda: True


def serve(
    metrics: Metrics,
    port: int,
    host: str = "127.0.0.1",
    *,
    public: bool = False,
    signs: Signs | None = None,
    measure: Callable[[], None] = lambda: None,
) -> PageServer:
    """Serve `metrics` on http://host:port/metrics, `signs` on /live and /ready (200 or 503); port 0 takes a free one.

    `measure` is called before each page of metrics, from several threads: what changes in silence is looked at then.
    Raises SetupError: UNSAFE_SETTING for an address that others can reach unless `public`, SETTINGS_INVALID for an
    address that is not in digits or is in use.
    """
    check_host(host, public=public, setting="REFBUS_METRICS_PUBLIC")
    page: App = make_wsgi_app(metrics.registry)

    def measured(environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        measure()
        return page(environ, start)

    return serve_app(_with_signs(measured, signs or Signs()), port, host, what="metrics port")


def serve_app(app: App, port: int, host: str = "127.0.0.1", *, what: str = "port") -> PageServer:
    """Serve an application; whoever calls has looked at the address. Raises SetupError SETTINGS_INVALID."""
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
        server = _Server((host, port), family)
    except OSError:
        raise SetupError(Code.SETTINGS_INVALID, f"{what} {port} cannot be used") from None
    server.set_app(app)
    return PageServer(server)


def _with_signs(page: App, signs: Signs) -> App:
    asked = {"/live": signs.lives, "/ready": signs.is_ready}

    def answer(environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        sign = asked.get(environ.get("PATH_INFO", ""))
        if sign is None:
            return page(environ, start)
        yes = sign()
        start("200 OK" if yes else "503 Service Unavailable", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"yes\n" if yes else b"no\n"]

    return answer


def check_host(host: str, *, public: bool, setting: str) -> None:
    """Refuse an address that others can reach unless that was said by `setting`. Raises SetupError as `serve`."""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise SetupError(Code.SETTINGS_INVALID, "the address to serve on is not an IP address") from None
    if not loopback and not public:
        raise SetupError(Code.UNSAFE_SETTING, f"serving beyond this machine needs {setting}=yes")
