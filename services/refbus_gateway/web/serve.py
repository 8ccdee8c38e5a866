"""The process of `refbus desk`: the pages on one address, beside the thread that reads and sends."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio.to_thread
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from refbus.errors import Code, SetupError
from refbus.said import said
from refbus_gateway.web.app import application
from refbus_gateway.web.office import LOOPBACK, Address, Office

THREADS: Final = 8
"""Requests that are worked on at once; each may hold one connection of the store."""
_DRAIN_S: Final = 5
_BACKLOG: Final = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pages are to be: without `share` on this computer alone, with it on every address under that name."""

    port: int
    share: str = ""
    certificate: Path | None = None
    key: Path | None = None

    @property
    def tls(self) -> bool:
        """Whether it speaks TLS."""
        return self.certificate is not None

    def check(self) -> None:
        """Raise SetupError UNSAFE_SETTING for a shared desk without TLS, FILE_UNREADABLE for a missing file."""
        if (self.certificate is None) is not (self.key is None):
            raise SetupError(Code.USAGE, said("--certificate and --key go together"))
        if self.share and not self.tls:
            raise SetupError(
                Code.UNSAFE_SETTING, said("--share needs --certificate and --key: pages travel under TLS alone")
            )
        for path in (self.certificate, self.key):
            if path is not None and not path.is_file():
                raise SetupError(Code.FILE_UNREADABLE, path.name)


def bind(place: Place) -> tuple[socket.socket, Address]:
    """Return a socket at that place, and the address that people type. Raises SetupError SETTINGS_INVALID."""
    place.check()
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("" if place.share else LOOPBACK, place.port))
    except (OSError, OverflowError):
        made.close()
        raise SetupError(
            Code.SETTINGS_INVALID, said("port %(port)s is taken: choose another with --port", port=place.port)
        ) from None
    return made, Address(made.getsockname()[1], place.share or LOOPBACK, place.tls)


def serve(office: Office, place: Place, bound: socket.socket, begun: Callable[[], None]) -> None:
    """Show the pages until SIGTERM or Ctrl-C; what is being answered is answered, what waits is sent."""
    app = application(office)

    async def started(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
            begun()
        await app(scope, receive, send)

    with closing(bound):
        try:
            uvicorn.Server(_settings(started, place)).run([bound])
        except KeyboardInterrupt:  # uvicorn has drained, and tells it once more
            pass
        finally:
            office.close()


def _settings(app: ASGIApp, place: Place) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        ws="none",
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_DRAIN_S,
        ssl_certfile=place.certificate,
        ssl_keyfile=place.key,
    )
