"""The home folder of one organisation: where everything of its gateway is, and who may work with it at once.

org.json  root.json  directory/  keys/     as every member's home (refbus.trust.homes)
keys/store.key                             the key that the store is sealed under, in a key file
gateway.json                               where the broker is, what to run when something arrives
store.db                                   the store
erased                                     ids of erased cases, kept out of backups' reach
evidence/                                  two files of the directory under one version, if there ever were
sync.lock                                  held by the one process that talks to the broker
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from refbus.core.documents import read_json
from refbus.errors import Code, MalformedError, SetupError, StoreError
from refbus.trust.files import write_whole
from refbus.trust.homes import Home as MemberHome

_CONFIG_LIMIT: Final = 65_536
MOST_EVIDENCE: Final = 64


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
            raise SetupError(Code.SETTINGS_INVALID, "gateway.json is not JSON") from None
        if not isinstance(values, dict):
            raise SetupError(Code.SETTINGS_INVALID, "gateway.json is not an object")
        known = {"bootstrap": str, "tls": str, "notify_command": list, "notify_interval_s": int}
        for name, value in values.items():
            if name not in known or not isinstance(value, known[name]) or isinstance(value, bool):
                raise SetupError(Code.SETTINGS_INVALID, f"gateway.json: {name}")
        command = values.get("notify_command", [])
        if not all(isinstance(word, str) for word in command):
            raise SetupError(Code.SETTINGS_INVALID, "gateway.json: notify_command")
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
        self.store_key: Final = path / "keys" / "store.key"
        self.erased: Final = path / "erased"
        self.officers: Final = path / "officers"
        self._evidence = path / "evidence"
        self._config = path / "gateway.json"

    def require(self) -> None:
        """Raise SetupError HOME_NOT_FOUND unless this folder is a member's home."""
        if not (self.path / "org.json").is_file():
            raise SetupError(Code.HOME_NOT_FOUND, str(self.path))

    def config(self) -> Config:
        """Return what a person set here; the defaults when nothing was set. Raises SetupError."""
        return Config.parse(read_limited(self._config, _CONFIG_LIMIT)) if self._config.is_file() else Config()

    def save_config(self, config: Config) -> None:
        """Replace `gateway.json` in one step. Raises StoreError."""
        write_private(self._config, config.encode())

    def keep_evidence(self, name: str, content: bytes) -> None:
        """Keep a file that convicts somebody, as received; the first MOST_EVIDENCE stay. Raises StoreError."""
        path = self._evidence / name
        if not path.exists() and (not self._evidence.is_dir() or len(list(self._evidence.iterdir())) < MOST_EVIDENCE):
            write_whole(path, content)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the right to talk to the broker for this home. Raises SetupError HOME_IN_USE when it is taken."""
        with (self.path / "sync.lock").open("a", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise SetupError(Code.HOME_IN_USE, "refbus run or refbus sync is at work here") from None
            yield


def read_limited(path: Path, limit: int) -> bytes:
    """Return the bytes of a file that may have at most `limit`, judged before it is read.

    Raises SetupError: FILE_UNREADABLE, TOO_LARGE.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > limit:
                raise SetupError(Code.TOO_LARGE, f"{path.name}: at most {limit} bytes")
            content = file.read(limit + 1)
    except OSError as error:
        raise SetupError(Code.FILE_UNREADABLE, f"{path.name}: {error.strerror}") from None
    if len(content) > limit:
        raise SetupError(Code.TOO_LARGE, f"{path.name}: at most {limit} bytes")
    return content


def write_private(path: Path, content: bytes) -> None:
    """Write a file (mode 0600) in one step and flush it to the disk. Raises StoreError STORE_FULL or STORE_FAILED."""
    draft = path.with_name(f".{path.name}.new")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise StoreError(Code.STORE_FULL if error.errno == 28 else Code.STORE_FAILED, path.name) from None


def read_json_object(path: Path, limit: int, code: Code) -> Mapping[str, Any]:
    """Return the JSON object in a file of at most `limit` bytes. Raises SetupError with `code` when it is none."""
    try:
        value: Any = read_json(read_limited(path, limit).decode("utf-8-sig"))
    except (UnicodeDecodeError, MalformedError):
        raise SetupError(code, f"{path.name} is not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise SetupError(code, f"{path.name} is not a JSON object")
    return value
