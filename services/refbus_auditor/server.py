"""The logs and the witness over HTTP: static files as c2sp.org/tlog-tiles names them, and c2sp.org/tlog-witness.

    GET  /<shard>/checkpoint, /end, /tile/...         what anybody may read of this country's logs
    POST /witness/add-checkpoint                      a log asks for a cosignature
    GET  /witness/<hash of the origin>/checkpoint     the newest checkpoint of a log that was cosigned here

Nothing here is secret and nobody has to say who they are; what is signed is all that counts. The log is more important
than its readers: connections are few and short, whatever comes over them.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from aiohttp import web

from refbus.errors import Code, MalformedError, RefbusError, SetupError, StoreError
from refbus.telemetry.serve import check_host
from refbus.tlog.end import FILE as END
from refbus.tlog.tiles import Tile
from refbus.tlog.witness import MOST_BYTES, AddCheckpoint, OtherSizeError
from refbus_auditor.files import CHECKPOINT
from refbus_auditor.witness import Witness

_log = logging.getLogger("refbus.auditor.http")
_SHARD: Final = re.compile(r"[0-9]{4}[ab]", re.ASCII)
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_IMMUTABLE: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_END_S: Final = 1.0
"""How long a reader may finish when the server ends."""
AT_ONCE: Final = 128
"""Connections at the same time; one beyond them is closed. The store of the log needs file handles too."""
LIFE_S: Final = 20.0
"""How long a connection may live, from its first byte to its last: every answer is below a megabyte."""
MOST_HEADER_BYTES: Final = 8_190
"""Bytes of the request line, and of one header."""
MOST_HEADERS: Final = 32
_FRESH: Final = {"Cache-Control": "no-cache"}
_TEXT: Final = "text/plain; charset=utf-8"
_STATUS: Final = {
    Code.KEY_UNKNOWN: 404,
    Code.SIGNATURE_INVALID: 403,
    Code.PROOF_INVALID: 422,
    Code.LOG_FORKED: 422,
    Code.TOO_MANY_REQUESTS: 429,
}
"""Statuses of the witness protocol; whatever else is wrong with a request is 400."""


class _Closed(asyncio.Protocol):
    """Ends a connection for which there is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """End it."""
        transport.close()


class _Short(asyncio.Protocol):
    """Hands everything on to the server's own protocol, and ends the connection when its time is over."""

    def __init__(self, inner: asyncio.Protocol, ended: Callable[[], None]) -> None:
        self._inner = inner
        self._ended = ended
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to count."""
        self._timer = asyncio.get_running_loop().call_later(LIFE_S, _abort, transport)
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting, and make room."""
        if self._timer is not None:
            self._timer.cancel()
        self._ended()
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand on."""
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Hand on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on."""
        self._inner.resume_writing()


def _abort(transport: asyncio.BaseTransport) -> None:
    if isinstance(transport, asyncio.Transport):
        transport.abort()


class LogServer:
    """A running server in a thread of its own."""

    def __init__(self, folder: Path, witness: Witness, host: str, port: int, *, public: bool = False) -> None:
        """Serve the logs below `folder` on http://host:port/; port 0 takes a free one. Raises SetupError.

        An address that others can reach needs `public`.
        """
        check_host(host, public=public, setting="REFBUS_AUDITOR_PUBLIC")
        self._folder = folder
        self._witness = witness
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        self._thread.start()
        self._open = 0
        self._server: asyncio.Server | None = None
        self._runner = web.AppRunner(
            self._app(),
            access_log=None,
            shutdown_timeout=_END_S,
            keepalive_timeout=LIFE_S,
            max_line_size=MOST_HEADER_BYTES,
            max_field_size=MOST_HEADER_BYTES,
            max_headers=MOST_HEADERS,
        )
        try:
            self.port = self._wait(asyncio.run_coroutine_threadsafe(self._start(host, port), self._loop))
        except OSError:
            self._end()
            raise SetupError(Code.SETTINGS_INVALID, f"log port {port} cannot be used") from None

    def close(self) -> None:
        """Stop serving and free the port."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10.0)
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @staticmethod
    def _wait(started: Future[int]) -> int:
        return started.result(10.0)

    async def _start(self, host: str, port: int) -> int:
        await self._runner.setup()
        self._server = await self._loop.create_server(self._connect, host, port, reuse_address=True)
        return int(self._server.sockets[0].getsockname()[1])

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()

    def _connect(self) -> asyncio.Protocol:
        """Return what answers a new connection, for as long as it may live; too many are closed at once."""
        if self._runner.server is None or self._open >= AT_ONCE:
            return _Closed()
        self._open += 1
        return _Short(self._runner.server(), self._closed)

    def _closed(self) -> None:
        self._open -= 1

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/witness/add-checkpoint", self._add_checkpoint)
        app.router.add_get("/witness/{name}/checkpoint", self._witnessed)
        app.router.add_get("/{shard}/checkpoint", self._checkpoint)
        app.router.add_get("/{shard}/end", self._end_of)
        app.router.add_get("/{shard}/{tile:tile/.*}", self._tile)
        return app

    async def _checkpoint(self, request: web.Request) -> web.StreamResponse:
        return self._file(request, CHECKPOINT, _FRESH | {"Content-Type": _TEXT})

    async def _end_of(self, request: web.Request) -> web.StreamResponse:
        return self._file(request, END, _FRESH | {"Content-Type": _TEXT})

    async def _tile(self, request: web.Request) -> web.StreamResponse:
        try:
            tile = Tile.parse(request.match_info["tile"])
        except MalformedError:
            raise web.HTTPNotFound from None
        return self._file(request, tile.path, _IMMUTABLE | {"Content-Type": "application/octet-stream"})

    def _file(self, request: web.Request, relative: str, headers: dict[str, str]) -> web.StreamResponse:
        shard = request.match_info["shard"]
        path = self._folder / shard / relative
        if not _SHARD.fullmatch(shard) or not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers=headers)

    async def _witnessed(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        loop = asyncio.get_running_loop()
        note = await loop.run_in_executor(None, self._witness.newest, name) if _HASH.fullmatch(name) else None
        if note is None:
            raise web.HTTPNotFound
        return web.Response(body=note, headers=_FRESH | {"Content-Type": _TEXT})

    async def _add_checkpoint(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        return await asyncio.get_running_loop().run_in_executor(None, self._answer, body)

    def _answer(self, body: bytes) -> web.Response:
        try:
            cosigned = self._witness.add_checkpoint(AddCheckpoint.parse(body))
        except OtherSizeError as error:
            return web.Response(status=409, body=f"{error.size}\n".encode(), content_type="text/x.tlog.size")
        except StoreError as error:
            _log.error("no cosignature was possible: %s", error.code)
            return web.Response(status=500, text=f"{error.code}\n")
        except RefbusError as error:
            status = _STATUS.get(error.code, 400) if not isinstance(error, MalformedError) else 400
            return web.Response(status=status, text=f"{error.code}\n")
        return web.Response(text="".join(line.line for line in cosigned.lines))
