"""What waits in `incoming`, and how much of it there may be: it comes from anybody."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from refbus.errors import Code, MalformedError
from refbus.files import store_errors
from refbus.said import said

MAX_INCOMING_FILES = 32_000
MAX_INCOMING_BYTES = 512 * 1024 * 1024


class Arrivals:
    """The sizes of the files that arrived, by repository path, in the order of their last arrival."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sizes: dict[str, int] | None = None  # once it was looked at
        self._total = 0

    def forget(self) -> None:
        """Look again at what there is: files were removed."""
        self._sizes = None

    def again(self, path: str, size: int) -> None:
        """Note that a file arrived once more: it belongs to what is arriving now."""
        self._take(path)
        self._put(path, size)

    def make_room(self, path: str, size: int, in_use: Collection[str]) -> None:
        """Keep within the caps by dropping what arrived first and no verified version is made of.

        So what somebody wrote before never takes the place of a version whose files are arriving. Raises
        MalformedError TOO_LARGE, StoreError.
        """
        self._take(path)
        for other in [] if self._fits(size) else list(self._held()):
            if other in in_use:
                continue
            with store_errors():
                (self._folder / other).unlink(missing_ok=True)
            self._take(other)
            if self._fits(size):
                break
        if not self._fits(size):
            self.forget()
            raise MalformedError(Code.TOO_LARGE, said("too many files of the directory wait"))
        self._put(path, size)

    def _fits(self, size: int) -> bool:
        return len(self._held()) < MAX_INCOMING_FILES and self._total + size <= MAX_INCOMING_BYTES

    def _take(self, path: str) -> None:
        self._total -= self._held().pop(path, 0)

    def _put(self, path: str, size: int) -> None:
        self._held()[path] = size
        self._total += size

    def _held(self) -> dict[str, int]:
        if self._sizes is None:
            with store_errors():
                found = [(path, path.stat()) for path in self._folder.rglob("*.json")]
            found.sort(key=lambda each: each[1].st_mtime_ns)
            self._sizes = {path.relative_to(self._folder).as_posix(): stat.st_size for path, stat in found}
            self._total = sum(self._sizes.values())
        return self._sizes
