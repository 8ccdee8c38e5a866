"""The home of an auditor: keys and directory as every member has them, and what only an auditor has.

keys/log.key           the secret of its log and its witness
store/auditor.db       what is in the logs, what was signed and witnessed
auditor.db.made        which database that is: an empty or another one in its place is damage, and no new log
log/<shard>/           the logs as files: checkpoint, tiles, entries
erased                 which sealed records were ordered to be deleted, as hashes
evidence/              what convicts another log, for people
unread/                batches of the audit topic that could not be read, as the broker had them
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from refbus.bus.port import Record
from refbus.database.address import Server
from refbus.database.opening import Place, open_database, place_of
from refbus.database.port import Database, StoreKind
from refbus.errors import Code, SetupError
from refbus.files import write_whole
from refbus.node.store.node import get_setting, put_setting
from refbus.tlog.custody import LogSecret
from refbus.trust.homes import Home, Identity
from refbus.trust.reader.loader import TrustStore

if TYPE_CHECKING:
    from refbus.database.lead import Lead

KIND = StoreKind(Path(__file__).resolve().parent / "store" / "migrations", wipe=True, page_bytes=16_384)
ERASED = "erased"
STORE = "auditor.db"
SERVICE = "auditor"
"""What leads and stands by on a database server, where the store has a schema of its own."""
_SCHEMA = "refbus_auditor"
MARK = f"{STORE}.made"
STOPPED = "stopped"
"""Setting: the code for which this auditor must not sign any more."""

MOST_UNREAD = 100
"""Batches that are kept, of at most a megabyte each."""


@dataclass(frozen=True, slots=True)
class AuditorHome:
    """Everything that one auditor owns on disk, opened. Close it to give the database up."""

    folder: Path
    identity: Identity
    secret: LogSecret
    database: Database
    trust: TrustStore = field(repr=False)
    lead: Lead | None = None

    @classmethod
    def open(cls, folder: Path, passphrase: str, lead: Lead | None = None) -> AuditorHome:
        """Open keys, store and directory. Raises SetupError (KEYFILE_*, HOME_*; LOG_ROLLED_BACK), StoreError.

        Only one process can have a store open, and in a file deleted values are overwritten. With `lead` the store is
        on its server, and the lead is given up at the end.
        """
        home = Home(folder)
        secret = home.log_secret(passphrase)
        database = open_database(place(folder, lead), KIND, mark=folder / MARK)
        try:
            opened = cls(folder, home.identity(), secret, database, home.trust_store(), lead)
            opened.require_not_stopped()
        except BaseException:
            database.close()
            raise
        return opened

    @property
    def log_folder(self) -> Path:
        """The folder of the logs, which is what is served."""
        return self.folder / "log"

    @property
    def evidence(self) -> Path:
        """The folder of what convicts other logs."""
        return self.folder / "evidence"

    @property
    def erased(self) -> Path:
        """The list of what was erased."""
        return self.folder / ERASED

    @property
    def unread(self) -> Path:
        """The folder of batches that could not be read, as the broker had them."""
        return self.folder / "unread"

    def keep_unread(self, record: Record) -> None:
        """Keep the bytes of a batch that cannot be read; the name says its offsets. Raises StoreError.

        No more than `MOST_UNREAD` are kept, so that nobody fills the disk with them; the log names all the same.
        """
        if not self.unread.is_dir() or sum(1 for _ in self.unread.iterdir()) < MOST_UNREAD:
            write_whole(self.unread / f"{record.topic}-{record.begin}-{record.offset}.batch", record.value)

    def require_not_stopped(self) -> None:
        """Raise SetupError with the code for which this auditor must not sign any more."""
        with self.database.reading() as connection:
            code = get_setting(connection, STOPPED)
        if code is not None:
            known = next((each for each in Code if each.encode() == code), Code.LOG_STORE_DAMAGED)
            raise SetupError(known, "this auditor was stopped")

    def stop_for_good(self, code: Code) -> None:
        """Remember that this auditor must not sign any more, and why."""
        with self.database.writing() as connection:
            put_setting(connection, STOPPED, code.encode())

    def close(self) -> None:
        """Close the database."""
        self.database.close()
        if self.lead is not None:
            self.lead.close()


def place(folder: Path, owner: Lead | Server | None = None) -> Place:
    """Return where the store of an auditor is; only whoever has the lead may write one on a server."""
    return place_of(owner, _SCHEMA, folder / "store" / STORE)
