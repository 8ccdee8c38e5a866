"""What stands: the metadata that was verified here, by name. Files come from anybody, and junk takes no place of it.

The names and hashes are those of the newest verified timestamp and its snapshot, and the roots that led to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from refbus.crypto.framing import sha256
from refbus.errors import UntrustedError
from refbus.files import store_errors
from refbus.trust.layout import versioned
from refbus.trust.reader.manifest import of_snapshot, of_timestamp

_NAMING = ("timestamp", "snapshot")


@dataclass(frozen=True, slots=True)
class Standing:
    """Paths of metadata with the SHA-256 (32 bytes) of what was verified, and the newest version of each role."""

    files: Mapping[str, bytes]
    newest: Mapping[str, int]

    @classmethod
    def of(cls, state: Path) -> Standing:
        """Return what the updater's folder `state` says. Raises StoreError."""
        with store_errors():
            roots = {
                f"metadata/{path.name}": path.read_bytes() for path in (state / "root_history").glob("*.root.json")
            }
            newest = [path.read_bytes() for role in _NAMING if (path := state / f"{role}.json").is_file()]
        files = {path: sha256(content) for path, content in roots.items()}
        if len(newest) == len(_NAMING):
            files |= _named(*newest)
        roles = [role for path in files if (role := versioned(path)) is not None]
        return cls(files, dict(sorted(roles, key=lambda each: each[1])))

    @classmethod
    def about(cls, path: str, state: Path) -> Standing:
        """Return what may stand against a file of this name. Raises StoreError.

        Most files are targets: they have no versions, and nothing is read for them.
        """
        return cls({}, {}) if versioned(path) is None else cls.of(state)

    def allows(self, path: str, content: bytes) -> bool:
        """Whether a file may lie under its name: no verified one is another, and none of its role is newer."""
        role = versioned(path)
        return role is None or role[1] > self.newest.get(role[0], 0) or self.files.get(path) == sha256(content)

    def is_over(self, path: str) -> bool:
        """Whether a name is that of an older version than was verified: nobody needs it any more."""
        role = versioned(path)
        return role is not None and role[1] < self.newest.get(role[0], 0)

    def is_to_come(self, path: str) -> bool:
        """Whether a name is that of a newer version than was verified: it may be anything."""
        role = versioned(path)
        return role is not None and role[1] > self.newest.get(role[0], 0)


@lru_cache(maxsize=4)
def _named(timestamp: bytes, snapshot: bytes) -> dict[str, bytes]:
    try:
        return {each.path: each.sha256 for each in (of_timestamp(timestamp)[1], *of_snapshot(snapshot))}
    except UntrustedError:
        return {}
