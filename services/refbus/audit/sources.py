"""Where the files of a log are: a folder, or a place on the web. Both give bytes and judge nothing.

A file is read up to the size that the format allows and one byte more, so that nothing endless is taken and whatever is
longer is seen to be. From the web: no redirects, so a log answers under its own name; bounded waiting; few retries.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import urllib3
from urllib3.util import Retry, Timeout

from refbus.audit.published_log import LogSource
from refbus.errors import Code, SetupError, TransportError
from refbus.said import placed, reason_of, said
from refbus.tlog.tiles import MOST_ENTRY_BYTES, WIDTH

MOST_FILE_BYTES: Final = WIDTH * (MOST_ENTRY_BYTES + 2)
"""The largest entry bundle that tlog-tiles allows; every other file is smaller."""
_WAIT: Final = Timeout(connect=10.0, read=30.0)
_RETRY: Final = Retry(total=2, redirect=False, backoff_factor=0.5)
_NONE: Final = frozenset({404, 410})
_SCHEMES: Final = ("http://", "https://")


class FolderSource:
    """A log in a folder, such as a copy that was handed over."""

    def __init__(self, folder: Path) -> None:
        """Raise SetupError FILE_UNREADABLE when there is no such folder."""
        if not folder.is_dir():
            raise SetupError(Code.FILE_UNREADABLE, said("%(folder)s is not a folder", folder=folder.name))
        self._folder = folder

    def fetch(self, path: str) -> bytes | None:
        """Return a file, None when there is none. Raises SetupError FILE_UNREADABLE."""
        try:
            with (self._folder / path).open("rb") as file:
                return file.read(MOST_FILE_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise SetupError(Code.FILE_UNREADABLE, placed(path, reason_of(error))) from None

    def paths(self) -> Iterator[str]:
        """Yield the paths of all files."""
        for folder, folders, files in os.walk(self._folder):
            folders.sort()
            for name in sorted(files):
                yield (Path(folder) / name).relative_to(self._folder).as_posix()


class WebSource:
    """A log under a web address."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix.rstrip("/") + "/"
        self._pool = urllib3.PoolManager(headers={"Accept-Encoding": "gzip, identity"}, retries=_RETRY, timeout=_WAIT)

    def fetch(self, path: str) -> bytes | None:
        """Return a file, None when the server says that there is none. Raises TransportError LOG_UNREACHABLE."""
        try:
            answer = self._pool.request("GET", self._prefix + path, preload_content=False, redirect=False)
            with contextlib.closing(answer):
                data = answer.read(MOST_FILE_BYTES + 1, decode_content=True)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise TransportError(Code.LOG_UNREACHABLE, f"{path}: {type(error).__name__}") from None
        if answer.status in _NONE:
            return None
        if answer.status != 200:
            raise TransportError(Code.LOG_UNREACHABLE, placed(path, said("status %(status)s", status=answer.status)))
        return data

    def paths(self) -> None:
        """Return None: the web lists nothing."""
        return


def source_of(place: str) -> LogSource:
    """Return the source at `place`: a web prefix or a folder. Raises SetupError FILE_UNREADABLE."""
    return WebSource(place) if place.startswith(_SCHEMES) else FolderSource(Path(place))
