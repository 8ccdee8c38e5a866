"""The home folder of one organisation: where everything of its gateway is, and who may work with it at once.

org.json  root.json  directory/  keys/     as every member's home (refbus.trust.homes)
keys/store.key                             the key that the store is sealed under, in a key file
gateway.json                               where the broker is, what to run when something arrives
store.db                                   the store
store.made                                 which database that is: an empty or another one is damage, and no new home
erased                                     names of erased cases, kept out of backups' reach
evidence/                                  two files of the directory under one version, if there ever were
backups                                    where the last backups were written
sync.lock                                  held by the one process that talks to the broker
bell                                       a socket of that process: after each commit others ring there
desk.lock                                  held by the one process that shows the pages
use.lock                                   held together by all commands; a restore wants it alone
keys/people/                               slots of the people who open this home (refbus_gateway.home.slots)
locked                                     there while only an administrator may sign in
attempts.json                              failed attempts to sign in
keys.lock                                  held while keys are read; alone while they are changed
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

from refbus import bell, locks
from refbus.core.documents import read_json
from refbus.errors import Code, MalformedError, SetupError
from refbus.files import open_lock, read_limited, store_errors, write_first, write_whole
from refbus.said import placed, said
from refbus.trust.homes import Home as MemberHome
from refbus_gateway.home import begun, keyfolder

_CONFIG_LIMIT: Final = 65_536
MOST_EVIDENCE: Final = 64
SETTINGS: Final = "gateway.json"
MANIFEST: Final = "backup.json"
"""What a folder has that is a whole backup of a home (`refbus_gateway.home.backups`)."""
CLOCK: Final = frozenset({"clock.json", "clock.accepted"})
ATTEMPTS: Final = "attempts.json"
LEFT_OUT: Final = frozenset({"sync.lock", bell.NAME, "use.lock", "desk.lock", "lock", keyfolder.LOCK, ATTEMPTS}) | CLOCK
"""Files that no backup has: locks, failed attempts, and what this computer's clock was believed to say."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a person set for this home. `tls` is a folder with ca.pem, certificate.pem and key.pem."""

    bootstrap: str = ""
    tls: str = ""
    notify_command: tuple[str, ...] = ()
    notify_interval_s: int = 300

    @classmethod
    def parse(cls, content: bytes) -> Config:
        """Return the settings in a `gateway.json`. Raises SetupError SETTINGS_INVALID, naming the field."""
        try:
            values: Any = read_json(content.decode())
        except (UnicodeDecodeError, MalformedError):
            raise SetupError(
                Code.SETTINGS_INVALID, said("%(file)s is not JSON in UTF-8", file="gateway.json")
            ) from None
        if not isinstance(values, dict):
            raise SetupError(Code.SETTINGS_INVALID, said("%(file)s is not a JSON object", file="gateway.json"))
        known = {"bootstrap": str, "tls": str, "notify_command": list, "notify_interval_s": int}
        for name, value in values.items():
            if name not in known or not isinstance(value, known[name]) or isinstance(value, bool):
                raise SetupError(Code.SETTINGS_INVALID, placed("gateway.json", name))
        command = values.get("notify_command", [])
        if not all(isinstance(word, str) for word in command):
            raise SetupError(Code.SETTINGS_INVALID, placed("gateway.json", "notify_command"))
        return cls(**{**values, "notify_command": tuple(command)})

    def encode(self) -> bytes:
        """Return the text of `gateway.json`."""
        return (json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n").encode()


class Home:
    """The paths of a home. Nothing is opened before it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self.member: Final = MemberHome(path)
        self.store_path: Final = path / "store.db"
        self.bell_path: Final = path / bell.NAME
        self.store_made: Final = path / "store.made"
        self.store_key: Final = path / "keys" / "store.key"
        self.erased: Final = path / "erased"
        self.officers: Final = path / "officers"
        self._evidence = path / "evidence"
        self.backups: Final = path / "backups"
        self.settings_path: Final = path / SETTINGS
        self.locked: Final = path / "locked"

    def require(self) -> None:
        """Raise SetupError HOME_NOT_FOUND unless this folder is a member's home; end a change of keys that was cut."""
        begun.settle(self.path)
        if begun.is_unfinished(self.path):
            raise SetupError(Code.HOME_NOT_FOUND, said("the making of its first keys was cut: refbus keys init"))
        if not (self.path / "org.json").is_file():
            whole = self.path.resolve()
            cut = restored_beside(whole).is_dir() and not whole.exists()
            raise SetupError(Code.HOME_NOT_FOUND, said("a restore was cut: give it again") if cut else str(self.path))
        keyfolder.settle(self.path)

    def hold(self) -> IO[bytes]:
        """Hold this home together with other commands until the file is closed; a restore waits for nobody to.

        Raises SetupError HOME_IN_USE while a restore is at work, StoreError.
        """
        while True:
            with store_errors("use.lock"):
                lock = open_lock(self.path / "use.lock")
            try:
                locks.take(lock.fileno(), shared=True, wait=False)
                if os.path.samestat(os.fstat(lock.fileno()), os.stat(self.path / "use.lock")):
                    return lock
            except BlockingIOError:
                lock.close()
                raise SetupError(Code.HOME_IN_USE, said("refbus restore is at work here")) from None
            except FileNotFoundError:  # the home was moved in this moment
                pass
            lock.close()
            self.require()

    def config(self) -> Config:
        """Return what a person set here; the defaults when nothing was set. Raises SetupError."""
        path = self.settings_path
        return Config.parse(read_limited(path, _CONFIG_LIMIT)) if path.is_file() else Config()

    def save_config(self, config: Config) -> None:
        """Replace `gateway.json` in one step. Raises StoreError."""
        write_whole(self.settings_path, config.encode())

    def keep_evidence(self, name: str, content: bytes) -> None:
        """Keep a file that convicts somebody, as received; the first MOST_EVIDENCE stay. Raises StoreError."""
        path = self._evidence / name
        if not path.exists() and (not self._evidence.is_dir() or len(list(self._evidence.iterdir())) < MOST_EVIDENCE):
            write_first(path, content)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the right to talk to the broker for this home. Raises SetupError HOME_IN_USE when it is taken."""
        with open_lock(self.path / "sync.lock") as lock:
            try:
                locks.take(lock.fileno(), wait=False)
            except OSError:
                raise SetupError(Code.HOME_IN_USE, said("refbus run or refbus sync is at work here")) from None
            yield

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Hold the right to show the pages of this home. Raises SetupError HOME_IN_USE when another desk does."""
        with open_lock(self.path / "desk.lock") as lock:
            try:
                locks.take(lock.fileno(), wait=False)
            except OSError:
                raise SetupError(Code.HOME_IN_USE, said("refbus desk is open for this home already")) from None
            yield


def restored_beside(home: Path) -> Path:
    """Return where a restore has a whole home before it takes the place of the one at `home`, an absolute path."""
    return home.with_name(f".{home.name}.restored")


def read_json_object(path: Path, limit: int, code: Code) -> Mapping[str, Any]:
    """Return the JSON object in a file of at most `limit` bytes. Raises SetupError with `code` when it is none."""
    try:
        value: Any = read_json(read_limited(path, limit).decode("utf-8-sig"))
    except (UnicodeDecodeError, MalformedError):
        raise SetupError(code, said("%(file)s is not JSON in UTF-8", file=path.name)) from None
    if not isinstance(value, dict):
        raise SetupError(code, said("%(file)s is not a JSON object", file=path.name))
    return value
