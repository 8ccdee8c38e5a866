"""The versions of the directory that were verified here: plain values, replaced as a whole."""

from __future__ import annotations

from dataclasses import dataclass, replace

from refbus.core.directory import Directory
from refbus.core.units import HOUR_MS
from refbus.errors import Code, UncheckableError
from refbus.trust.reader.assembly import Problem


@dataclass(frozen=True, slots=True)
class History:
    """Verified versions, oldest first, never empty.

    A DirectoryHistory. `problems` is what the newest leaves out and why.
    """

    versions: tuple[Directory, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def latest(self) -> Directory:
        """The newest verified version."""
        return self.versions[-1]

    def at(self, version: int) -> Directory | None:
        """Return that version, or None when it was never verified here or is past one message life."""
        return next((directory for directory in self.versions if directory.version == version), None)

    def require_fresh(self, now_ms: int) -> Directory:
        """Return the newest version. Raises UncheckableError DIRECTORY_EXPIRED once its metadata ran out at `now_ms`.

        Someone who stops all updates can make a node wait, never trust an old view for longer than that (freeze).
        """
        if now_ms >= self.latest.expires_at_ms:
            raise UncheckableError(Code.DIRECTORY_EXPIRED)
        return self.latest

    def with_version(self, newest: Directory, problems: tuple[Problem, ...], now_ms: int) -> History:
        """Return the history with `newest` in force from `now_ms`; the same version again replaces itself."""
        older = tuple(directory for directory in self.versions if directory.version < newest.version)
        if older and older[-1].superseded_at_ms is None:
            older = (*older[:-1], replace(older[-1], superseded_at_ms=now_ms))
        return History((*older, newest), problems).kept(now_ms)

    def kept(self, now_ms: int) -> History:
        """Return the history without versions that no valid message can name any more."""
        life_ms = keep_ms(self.latest)
        kept = tuple(
            directory
            for directory in self.versions
            if directory.superseded_at_ms is None or now_ms < directory.superseded_at_ms + life_ms
        )
        return History(kept, self.problems)


def keep_ms(directory: Directory) -> int:
    """Return for how long a superseded version is kept, in ms: the longest message life and grace of any country."""
    hours = [policy.max_message_life_hours + policy.directory_grace_hours for policy in directory.policies.values()]
    return max(hours, default=720) * HOUR_MS
