"""A bell of one process: whoever has something for it rings, and it need not look again and again meanwhile.

From other processes it is a datagram socket in a folder that only its user may enter. A ring says nothing; what there
is to do is where it was committed before the ring. Where a system has no such sockets (Windows), or none can be made,
nobody rings from outside (`Bell.hears`), and the look stays.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # it is loaded where somebody rings: most commands write nothing
    import socket

NAME: Final = "bell"
_LONGEST_NAME: Final = 100
"""Bytes of a name that every system takes for a socket (sun_path of unix(7) has 104 to 108)."""
_JOIN_S: Final = 1.0


class Bell:
    """The bell at `path`. Make it in the one process that waits; close it when done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rung = threading.Event()
        self._closed = False
        self._socket = _bound(path)
        self._thread = threading.Thread(target=self._hear, name="bell", daemon=True)
        if self._socket is not None:
            self._thread.start()

    @property
    def hears(self) -> bool:
        """Whether other processes can ring."""
        return self._socket is not None

    def ring(self) -> None:
        """Ring from this process."""
        self._rung.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait at most `timeout_s` seconds until somebody has rung since the last wait; return whether somebody has."""
        rung = self._rung.wait(timeout_s)
        self._rung.clear()
        return rung

    def close(self) -> None:
        """Take the bell away."""
        if self._socket is None:
            return
        self._closed = True
        ring(self._path)
        self._thread.join(_JOIN_S)
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._socket.close()

    def _hear(self) -> None:
        heard = self._socket
        while heard is not None and not self._closed:
            try:
                heard.recv(1)
            except OSError:
                return
            self._rung.set()


def ring(path: Path) -> None:
    """Ring the bell at `path` if there is one. Never waits, and never fails."""
    import socket  # late: see above

    with suppress(OSError, AttributeError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
        mouth.setblocking(False)
        with _named(path) as name:
            mouth.sendto(b"\0", name)


def _bound(path: Path) -> socket.socket | None:
    """Return the socket at `path`, None where none can be made."""
    import socket  # late: see above

    try:
        ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    except (OSError, AttributeError):
        return None
    try:
        path.unlink(missing_ok=True)  # of a process that was killed: its home is ours now
        with _named(path) as name:
            ear.bind(name)
    except OSError:
        ear.close()
        return None
    return ear


@contextmanager
def _named(path: Path) -> Iterator[str]:
    """Give a name of `path` that is short enough for a socket. Raises OSError where there is none."""
    if len(os.fsencode(path)) <= _LONGEST_NAME:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
