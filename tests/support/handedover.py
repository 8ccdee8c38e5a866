"""Programs that a shell of a page calls, and that the test itself does: what needs a broker has the bus in memory.

with Handed({"refbus-ops": do}) as handed:      # do(words) runs here, in the thread of the test
    Shell(folder, {"PATH": handed.path}, handed.answer)
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

Do = Callable[[Sequence[str]], int]
_CALLS = """#!{python} -IS
import json, os, socket, sys
if {elsewhere!r} and not any(word in sys.argv for word in {elsewhere!r}):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
call = socket.socket(socket.AF_UNIX)
call.connect({place!r})
call.sendall(json.dumps([[{name!r}, *sys.argv[1:]], dict(os.environ), os.getcwd()]).encode())
call.shutdown(socket.SHUT_WR)
parts = []
while part := call.recv(65536):
    parts.append(part)
status, out, err = json.loads(b"".join(parts))
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(status)
"""


@dataclass(slots=True)
class Handed:
    """The programs, each a small one that hands over its words. `elsewhere` has the orders of `python` that come here.

    What was called is in `called`: words and exit status.
    """

    programs: Mapping[str, Do]
    elsewhere: Sequence[str] = ()
    called: list[tuple[list[str], int]] = field(default_factory=list)
    _folder: Path = field(init=False)
    _socket: socket.socket = field(init=False)

    def __enter__(self) -> Self:
        """Write the programs and listen."""
        self._folder = Path(tempfile.mkdtemp(prefix="refbus-"))  # a path of a socket has 107 bytes at most
        place = self._folder / "calls"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(place))
        self._socket.listen()
        self._socket.settimeout(0.1)
        for name in self.programs:
            elsewhere = tuple(self.elsewhere) if name == "python" else ()
            text = _CALLS.format(python=sys.executable, place=str(place), name=name, elsewhere=elsewhere)
            (self._folder / name).write_text(text, encoding="utf-8")
            (self._folder / name).chmod(0o700)
        return self

    def __exit__(self, *_: object) -> None:
        """Take the programs away."""
        self._socket.close()
        shutil.rmtree(self._folder)

    @property
    def path(self) -> str:
        """Where a shell finds the programs, and all others behind them."""
        return f"{self._folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"

    def answer(self) -> None:
        """Do what is called now, if anything is."""
        with suppress(TimeoutError):
            call, _ = self._socket.accept()
            with call:
                call.settimeout(None)
                words, environment, folder = json.load(call.makefile("rb"))
                status, out, err = _run(self.programs[words[0]], words[1:], environment, folder)
                self.called.append((words, status))
                call.sendall(json.dumps([status, out, err]).encode())


def _run(do: Do, words: Sequence[str], environment: Mapping[str, str], folder: str) -> tuple[int, str, str]:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with _being(environment, folder), redirect_stdout(out), redirect_stderr(err):
        try:
            status = do(words)
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
    return status, _text(out), _text(err)


@contextmanager
def _being(environment: Mapping[str, str], folder: str) -> Iterator[None]:
    """Have the environment and the folder of whoever calls."""
    before, here = dict(os.environ), Path.cwd()
    _set(environment)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        _set(before)


def _set(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _text(stream: io.TextIOWrapper) -> str:
    buffer: Any = stream.buffer
    return bytes(buffer.getvalue()).decode("utf-8")
