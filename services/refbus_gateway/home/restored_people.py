"""Who opens a home after a restore, and which of its keys stay: the people of the home that is there, where it has any.

A backup may be older than a lock-out. So whoever brings it back signs in at the home that is there as well, its slots
stay as they are, and the keys from the backup are sealed under its home secret. On a clean computer the people of the
backup come back, and a person is told to look at them.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from refbus.errors import RefbusError
from refbus.files import copy_whole, store_errors
from refbus_gateway.home import slots
from refbus_gateway.home.folder import Home


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens the backup, what opens the home that is there (None: no people there), and what was typed."""

    backup: str = field(repr=False)
    present: str | None = field(repr=False)
    typed: str = field(repr=False)

    @classmethod
    def of(cls, source: Path, home: Path, name: str | None, passphrase: str) -> Opening:
        """Sign in at the backup and at the home. Raises SetupError KEYFILE_*, USAGE."""
        there = Home(home)
        present = slots.open_slot(there, name, passphrase).secret if slots.ids(there) else None
        copy = Home(source)
        named = name if slots.has_slots(copy) or present is None else None
        return cls(slots.open_slot(copy, named, passphrase).secret, present, passphrase)

    @classmethod
    def by_sheets(cls, source: Path, seed: bytes) -> Opening:
        """Open the backup with what enough recovery sheets hold. Raises SetupError RECOVERY_*, KEYFILE_DAMAGED."""
        return cls(slots.open_recovery(Home(source), seed), None, "")

    @property
    def sealed_under(self) -> str:
        """What the keys of the restored home are sealed under."""
        return self.backup if self.present is None else self.present

    @property
    def people_from_backup(self) -> bool:
        """Whether the backup says who opens the home."""
        return self.present is None

    def settle_people(self, fresh: Home) -> None:
        """Make of the copy a home that the people of the present one open. Raises SetupError, StoreError."""
        if self.present is None:
            return
        keys = fresh.path / "keys"
        with store_errors("keys"):
            shutil.rmtree(keys / "people", ignore_errors=True)
        for path in sorted(keys.glob("*.key")):
            slots.reseal(path, path, (self.backup,), self.present)

    def keep_key(self, source: Path, target: Path, name: str) -> None:
        """Take a file of the folder `keys` over from the home that is there, if it is sound. Raises StoreError."""
        if name == "store.key" or not source.stat().st_size:
            return  # the key of the store that is in the backup is the one that was proven
        if name.startswith("people/") and self.people_from_backup:
            return
        if "/" not in name and name.endswith(".key"):
            with suppress(RefbusError):
                slots.reseal(source, target, (self.backup, self.typed), self.sealed_under)
            return
        target.unlink(missing_ok=True)
        copy_whole(source, target)
