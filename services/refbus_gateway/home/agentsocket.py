"""How one asks the agent of an opened home: a Unix socket that only this user's processes reach, on Linux.

One line of JSON each way, at most LIMIT bytes: `{"ask": "open", "name": NAME or null}` is answered with `slot` and
`secret`, or `{}`; `{"ask": "end"}` ends the agent.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from refbus.core.documents import read_json
from refbus.errors import Code, MalformedError, SetupError
from refbus.said import said

LIMIT: Final = 4096
"""Bytes of a question and of an answer."""
WAIT_S: Final = 2.0
"""How long one waits for the other side."""
HERE: Final = sys.platform == "linux"
"""Whether this system can tell whose process is at the other end, and keep memory out of dumps."""

if sys.platform == "linux":

    def user_of(connection: socket.socket) -> int:
        """Return whose process is at the other end, as the system knows it (unix(7), SO_PEERCRED)."""
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        user: int = struct.unpack("3i", found)[1]
        return user

    def this_user() -> int:
        """Return whose process this is."""
        return os.getuid()

    def new_socket() -> socket.socket:
        """Return a socket that nothing is at the other end of."""
        return socket.socket(socket.AF_UNIX)

    @contextmanager
    def address_of(path: Path) -> Iterator[str]:
        """Give a short address of a socket: one has 107 bytes at most (unix(7)), and a folder may be deeper."""
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{folder}/{path.name}"
        finally:
            os.close(folder)

else:

    def user_of(_connection: socket.socket) -> int:
        """Raise SetupError AGENT_UNAVAILABLE: not on this system."""
        raise SetupError(Code.AGENT_UNAVAILABLE, sys.platform)

    def this_user() -> int:
        """Raise SetupError AGENT_UNAVAILABLE: not on this system."""
        raise SetupError(Code.AGENT_UNAVAILABLE, sys.platform)

    def new_socket() -> socket.socket:
        """Raise SetupError AGENT_UNAVAILABLE: not on this system."""
        raise SetupError(Code.AGENT_UNAVAILABLE, sys.platform)

    def address_of(_path: Path) -> AbstractContextManager[str]:
        """Raise SetupError AGENT_UNAVAILABLE: not on this system."""
        raise SetupError(Code.AGENT_UNAVAILABLE, sys.platform)


def place(home: Path, environ: Mapping[str, str]) -> Path:
    """Return where the socket of a home's agent is, in the user's runtime folder: of each home another one.

    Raises SetupError AGENT_UNAVAILABLE where a system has no such agent.
    """
    named = environ.get("XDG_RUNTIME_DIR", "")
    given = Path(named) if named else Path("/run/user") / str(this_user())
    folder = given / "refbus" if given.is_dir() else Path(tempfile.gettempdir()) / f"refbus-{this_user()}"
    mark = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:24]
    return folder / f"{mark}.agent"


def ask(path: Path, question: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what the agent answers, None where there is none. What another user put there is not asked."""
    with suppress(OSError, MalformedError, SetupError), new_socket() as connection, address_of(path) as address:
        connection.settimeout(WAIT_S)
        connection.connect(address)
        if user_of(connection) != this_user():
            return None
        connection.sendall(line_of(question))
        return line_from(connection)
    return None


def line_of(value: Mapping[str, Any]) -> bytes:
    """Return a question or an answer as it is sent."""
    return json.dumps(value).encode() + b"\n"


def line_from(connection: socket.socket) -> Mapping[str, Any]:
    """Return what the other side sent. Raises MalformedError for what is no such line, OSError."""
    found = b""
    while not found.endswith(b"\n"):
        part = connection.recv(LIMIT + 1 - len(found))
        found += part
        if not part or len(found) > LIMIT:
            raise MalformedError(Code.FILE_UNREADABLE, said("no line of an agent"))
    value = read_json(found.decode("utf-8", "surrogateescape"))
    if not isinstance(value, dict):
        raise MalformedError(Code.FILE_UNREADABLE, said("no line of an agent"))
    return value
