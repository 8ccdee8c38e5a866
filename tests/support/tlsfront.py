"""TLS before a PostgreSQL server whose programs know none: the request for it is answered, and the rest handed on.

with TlsFront(folder, server.port) as front: Server("127.0.0.1", str(front.port), ...)
"""

from __future__ import annotations

import select
import socket
import socketserver
import ssl
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

_TLS = 80877103
"""What a client sends before anything else when it wants TLS (PostgreSQL, "Message Formats", SSLRequest)."""


class TlsFront:
    """A port of the loopback with the certificate of `folder`; who has none of the same authority is let in as well.

    With `asks` such a client is refused, as by a server with `clientcert=verify-full`. `versions` has the protocol of
    each session that was begun.
    """

    def __init__(self, folder: Path, behind: int, *, asks: bool = False) -> None:
        self.versions: list[str | None] = []
        self._behind = behind
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem")
        self._context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        self._context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
        serve = self._serve

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # whoever goes away in the middle
                    serve(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="tls-front", daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, client: Any) -> None:
        while (asked := client.recv(8, socket.MSG_WAITALL)) != struct.pack("!II", 8, _TLS):
            if len(asked) < 8:
                return
            client.sendall(b"N")
        client.sendall(b"S")
        with self._context.wrap_socket(client, server_side=True) as inside:
            first = inside.recv(65_536)  # the client speaks first, after it has verified who is here
            if not first:
                return
            self.versions.append(inside.version())
            with socket.create_connection(("127.0.0.1", self._behind)) as plain:
                plain.sendall(first)
                _hand_on(inside, plain)


def _hand_on(inside: ssl.SSLSocket, plain: socket.socket) -> None:
    while True:
        ready = [inside] if inside.pending() else select.select([inside, plain], [], [])[0]
        for each in ready:
            data = each.recv(65_536)
            if not data:
                return
            (plain if each is inside else inside).sendall(data)
