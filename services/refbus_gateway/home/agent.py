"""The agent of an opened home: a small process that holds in memory what opens the keys, as ssh-agent does.

It ends after minutes of rest, after a working day, when it is told to, when somebody locks the home, and when the key
slots change. What it holds comes by a pipe and is in no file, argument or environment. `python -m
refbus_gateway.home.agent` reads that line; `refbus unlock` starts it (docs/spec/key-slots.md).
"""

from __future__ import annotations

import ctypes
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from refbus.core.documents import read_json
from refbus.core.units import HOUR_S
from refbus.errors import Code, MalformedError, SetupError
from refbus.files import make_folder
from refbus.said import said
from refbus_gateway.home import agentsocket, keyfolder
from refbus_gateway.home.folder import Home
from refbus_gateway.home.slotfile import PEOPLE, plain_name
from refbus_gateway.home.slots import Opened

LONGEST_S: Final = 12 * HOUR_S
"""How long a home stays unlocked at most, however much it is used; as a session of the pages."""
LOOK_S: Final = 1.0
"""How often it looks whether somebody locked the home or changed the slots."""
START_S: Final = 20.0
_READY: Final = b"ready\n"
_DUMPABLE: Final = 4  # PR_SET_DUMPABLE, prctl(2)
_CORE: Final = 4  # RLIMIT_CORE, setrlimit(2)

if sys.platform == "linux":

    def hide() -> None:
        """Keep this process out of core dumps and debuggers, also of the same user. Raises SetupError."""
        libc = ctypes.CDLL(None, use_errno=True)
        none = (ctypes.c_ulong * 2)(0, 0)
        if libc.prctl(_DUMPABLE, 0, 0, 0, 0) or libc.setrlimit(_CORE, none):
            raise SetupError(Code.AGENT_UNAVAILABLE, said("the system does not keep its memory out of dumps"))

    def steady_s() -> float:
        """Return the seconds since the system started, with those for which the lid was closed."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:

    def hide() -> None:
        """Raise SetupError AGENT_UNAVAILABLE: not on this system."""
        raise SetupError(Code.AGENT_UNAVAILABLE, sys.platform)

    def steady_s() -> float:
        """Return seconds of the monotonic clock."""
        return time.monotonic()


@dataclass(slots=True)
class Holder:
    """What is held, and for how long: `idle_s` after the last question, LONGEST_S in all. `name`: who signed in."""

    home: Home
    opened: Opened = field(repr=False)
    name: str
    idle_s: float
    steady_s: Callable[[], float]
    begun_s: float = field(init=False)
    used_s: float = field(init=False)
    _slots: tuple[object, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.begun_s = self.used_s = self.steady_s()
        self._slots = slots_of(self.home)

    def left_s(self) -> float:
        """Return for how many seconds it may still answer; 0 once it is over."""
        if self.home.locked.exists() or slots_of(self.home) != self._slots:
            return 0.0
        now_s = self.steady_s()
        return max(0.0, min(self.used_s + self.idle_s, self.begun_s + LONGEST_S) - now_s)

    def answer(self, question: dict[str, Any]) -> dict[str, str]:
        """Return what opens the home to whoever asks for the person that signed in, or for nobody by name."""
        name = question.get("name")
        if question.get("ask") != "open" or not self.left_s() or not self._is_called(name):
            return {}
        self.used_s = self.steady_s()
        return {"slot": self.opened.slot, "secret": self.opened.secret}

    def _is_called(self, name: object) -> bool:
        if name is None:
            return True
        with suppress(SetupError):
            return isinstance(name, str) and bool(self.name) and plain_name(name) == plain_name(self.name)
        return False


def slots_of(home: Home) -> tuple[object, ...]:
    """Return what changes whenever a slot, or what the keys are sealed under, is written."""
    folder = home.path / keyfolder.KEYS / PEOPLE
    paths = sorted(folder.glob("*")) if folder.is_dir() else []
    return tuple((path.name, _written(path)) for path in (*paths, home.store_key))


def _written(path: Path) -> tuple[int, int, int] | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size
    return None


def start(path: Path, home: Path, opened: Opened, name: str, idle_s: float) -> None:
    """Start the agent of a home; it takes the place of one that is there. Raises SetupError AGENT_UNAVAILABLE."""
    agentsocket.ask(path, {"ask": "end"})
    told = {"home": str(home.resolve()), "socket": str(path), "name": name, "idle_s": idle_s}
    line = agentsocket.line_of({**told, "slot": opened.slot, "secret": opened.secret})
    if not agentsocket.HERE:
        raise SetupError(Code.AGENT_UNAVAILABLE, sys.platform)
    child = subprocess.Popen(
        [sys.executable, "-m", "refbus_gateway.home.agent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        ready, _ = child.communicate(line, START_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        ready = b""
    if ready != _READY:
        raise SetupError(Code.AGENT_UNAVAILABLE, said("it did not start"))


def listen(path: Path) -> socket.socket:
    """Return a socket that only this user reaches, in place of one that is there. Raises SetupError, OSError."""
    make_folder(path.parent)
    found = path.parent.lstat()
    if (
        not stat.S_ISDIR(found.st_mode)
        or found.st_uid != agentsocket.this_user()
        or stat.S_IMODE(found.st_mode) & 0o077
    ):
        raise SetupError(Code.AGENT_UNAVAILABLE, said("the runtime folder is not this user's alone"))
    made = agentsocket.new_socket()
    path.unlink(missing_ok=True)
    before = os.umask(0o177)  # a socket has its mode from the first moment
    try:
        with agentsocket.address_of(path) as address:
            made.bind(address)
    finally:
        os.umask(before)
    made.listen(8)
    return made


def serve(made: socket.socket, holder: Holder) -> None:
    """Answer until it is over."""
    with made:
        while (left_s := holder.left_s()) > 0:
            made.settimeout(min(left_s, LOOK_S))
            with suppress(TimeoutError):
                connection, _ = made.accept()
                with connection:
                    if _answered(connection, holder):
                        return


def _answered(connection: socket.socket, holder: Holder) -> bool:
    """Answer one question; return whether it was to end. Nobody else's process is answered."""
    connection.settimeout(LOOK_S)
    with suppress(OSError, MalformedError):
        if agentsocket.user_of(connection) != agentsocket.this_user():
            return False
        question = dict(agentsocket.line_from(connection))
        connection.sendall(agentsocket.line_of(holder.answer(question)))
        return question.get("ask") == "end"
    return False


if sys.platform == "linux":

    def main() -> None:
        """Read what to hold from standard input, say that it is there, and go on without a terminal."""
        os.umask(0o077)
        hide()
        told: dict[str, Any] = read_json(sys.stdin.readline())
        opened = Opened(told["slot"], told["secret"])
        path, home = Path(told["socket"]), Home(Path(told["home"]))
        holder = Holder(home, opened, told["name"], told["idle_s"], steady_s)
        if os.fork():
            os._exit(0)  # whoever started it waits for no process: it says itself that it is there
        made = listen(path)
        mark = path.lstat().st_ino
        os.chdir("/")
        os.write(1, _READY)
        for number in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        try:
            serve(made, holder)
        finally:
            with suppress(OSError):
                if path.lstat().st_ino == mark:  # it may be of an agent that took this one's place
                    path.unlink()

else:

    def main() -> None:
        """Raise SetupError AGENT_UNAVAILABLE: not on this system."""
        raise SetupError(Code.AGENT_UNAVAILABLE, sys.platform)


if __name__ == "__main__":
    main()
