"""A witness of other countries' logs: it cosigns what follows from all it saw of a log before, and nothing else.

Looking at the newest checkpoint of a log, checking and replacing it are one transaction, which is on disk before a
cosignature leaves. What convicts a log is kept in `evidence/` for people.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from refbus.core.directory import Directory
from refbus.core.ids import CountryCode
from refbus.crypto.framing import sha256
from refbus.database.port import Database
from refbus.each import alone
from refbus.errors import Code, RefbusError, RowError, UntrustedError
from refbus.files import write_whole
from refbus.node.store.sound import is_sound
from refbus.node.turns import Turns
from refbus.telemetry.labels import WitnessResult
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.cosignature import cosign
from refbus.tlog.hashing import EMPTY_ROOT
from refbus.tlog.keys import SignerKey, VerifierKey
from refbus.tlog.note import Note, Signature
from refbus.tlog.proofs import Head
from refbus.tlog.witness import AddCheckpoint, OtherSizeError, check, origin_hash
from refbus.trust.reader.log_policy import audit_keys
from refbus_auditor.store.tables import witnessed

_log = logging.getLogger("refbus.auditor.witness")

Told = Callable[[WitnessResult, Code | None], None]
"""Told of each request: what came of it, and why it was refused."""


FRESH_MS = 300_000
"""A cosignature of so long ago is given again for the same checkpoint; a log takes those of the last ten minutes."""
MOST_EVIDENCE = 256
"""Files of evidence of one log and kind: one convicts, and no log fills the disk of a witness with its forks."""
_SUSPICION = Code.PROOF_INVALID.lower()
BURST = 60
EACH_S = 1.0
"""Cosignatures of one log at once, and then one each second: a log asks for one when it has grown, and each hour."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint with the cosignatures of this witness, which are `lines`."""

    note: Note
    lines: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Witness:
    """The witness of `country`. `keys` are its own, `directory` gives the newest one, `now_ms` this machine's time."""

    country: CountryCode
    database: Database
    keys: Sequence[SignerKey] = field(repr=False)
    directory: Callable[[], Directory]
    evidence: Path
    now_ms: Callable[[], int]
    told: Told = lambda _result, _code: None
    steady_s: Callable[[], float] = time.monotonic
    _turns: Turns = field(default_factory=lambda: Turns(BURST, EACH_S))

    def add_checkpoint(self, request: AddCheckpoint) -> Cosigned:
        """Cosign the checkpoint of `request`. Raises as `refbus.tlog.witness.check`, StoreError."""
        try:
            cosigned = self._add(request)
        except OtherSizeError:
            self.told(WitnessResult.OTHER_SIZE, None)
            raise
        except RefbusError as error:
            self.told(WitnessResult.REFUSED, error.code)
            raise
        self.told(WitnessResult.COSIGNED, None)
        return cosigned

    def newest(self, name: str) -> bytes | None:
        """Return the newest checkpoint that was cosigned of the log with this hash of its origin, None without one."""
        with self.database.reading() as connection:
            rows = connection.execute(select(witnessed.c.origin, witnessed.c.note)).all()
        sound = (row for row in rows if is_sound(row, witnessed.c.origin, witnessed.c.note))
        return next((row.note for row in sound if origin_hash(row.origin) == name), None)

    def _add(self, request: AddCheckpoint) -> Cosigned:
        keys = self._log_keys(request.origin)
        at_ms = self.now_ms()
        with self.database.reading() as connection:
            row = _row_of(connection, request.origin)
        said = self._said_before(request, row, at_ms)
        if said is not None:
            return said
        self._check(request, row, keys)  # what is refused takes no lock and writes nothing
        if not self._turns.lets_go(request.origin, self.steady_s()):
            raise UntrustedError(Code.TOO_MANY_REQUESTS, "a log that asks for too many cosignatures")
        with self.database.writing() as connection:
            checkpoint = self._check(request, _row_of(connection, request.origin), keys)
            cosigned = self._cosign(_lines_of(request.note, keys), checkpoint, at_ms)
            connection.execute(delete(witnessed).where(witnessed.c.origin == checkpoint.origin))
            values = {"size": checkpoint.size, "root": checkpoint.root, "note": cosigned.note.encode(), "at_ms": at_ms}
            connection.execute(insert(witnessed).values(origin=checkpoint.origin, **values))
        self._forget_suspicion(checkpoint.origin, request.note)
        return cosigned

    def _said_before(self, request: AddCheckpoint, row: Row[Any] | None, at_ms: int) -> Cosigned | None:
        """Return the cosignatures of a while ago for the same checkpoint: anybody can send one that is public again."""
        if row is None or request.old_size != row.size or not 0 <= at_ms - row.at_ms < FRESH_MS:
            return None
        note = Note.parse(row.note)
        if note.text != request.note.text:
            return None
        return Cosigned(note, tuple(line for line in note.signatures if any(line.of(k.verifier) for k in self.keys)))

    def _check(self, request: AddCheckpoint, row: Row[Any] | None, keys: Sequence[VerifierKey]) -> Checkpoint:
        known = Head(0, EMPTY_ROOT) if row is None else Head(row.size, row.root)
        try:
            return check(request, known, keys)
        except RefbusError as error:
            self._keep_evidence(error, _lines_of(request.note, keys), row)
            raise

    def _cosign(self, note: Note, checkpoint: Checkpoint, at_ms: int) -> Cosigned:
        lines = tuple(cosign(checkpoint, key, at_ms // 1000) for key in self.keys)
        return Cosigned(note.with_signatures(lines), lines)

    def _log_keys(self, origin: str) -> list[VerifierKey]:
        """Return the key of a foreign log; a log never has its own country's witness."""
        directory = self.directory()
        for other in directory.countries():
            found: list[VerifierKey] = []
            with alone(other, lambda *_: None):  # a country whose keys cannot be read has no log here; others do
                keys = audit_keys(directory, other).logs.values() if other != self.country else ()
                found = [key for key in keys if key.name == origin]
            if found:
                return found
        return []

    def _keep_evidence(self, error: RefbusError, note: Note, row: Row[Any] | None) -> None:
        """Keep what the log signed. A false proof is not kept: anybody can send one with an honest checkpoint."""
        if error.code not in {Code.LOG_FORKED, Code.PROOF_INVALID} or row is None:
            return
        name = f"{origin_hash(row.origin)[:16]}-{row.size}-{_short(note)}-{error.code.lower()}.txt"
        like_it = self.evidence.glob(f"{origin_hash(row.origin)[:16]}-*-{error.code.lower()}.txt")
        if (self.evidence / name).exists() or sum(1 for _ in like_it) >= MOST_EVIDENCE:
            return
        write_whole(self.evidence / name, row.note + b"\n" + note.encode())
        if error.code is Code.LOG_FORKED:
            _log.critical("a log has two histories: both checkpoints are kept in evidence/%s", name)

    def _forget_suspicion(self, origin: str, note: Note) -> None:
        """Take away what was kept of a checkpoint that proved sound: somebody had sent it with a false proof.

        Who collects public checkpoints takes no room of a log's real contradictions in this way.
        """
        for path in self.evidence.glob(f"{origin_hash(origin)[:16]}-*-{_short(note)}-{_SUSPICION}.txt"):
            path.unlink(missing_ok=True)


def _short(note: Note) -> str:
    return sha256(note.text.encode()).hex()[:8]


def _row_of(connection: Connection, origin: str) -> Row[Any] | None:
    """Return what was cosigned of a log. Raises RowError when that is damaged: this log is cosigned no more."""
    row = connection.execute(select(witnessed).where(witnessed.c.origin == origin)).one_or_none()
    if row is not None and not is_sound(row, *witnessed.c):
        raise RowError("what was cosigned of a log")
    return row


def _lines_of(note: Note, keys: Sequence[VerifierKey]) -> Note:
    """Return a note with the lines of these keys only: what strangers write beside them is neither kept nor sent."""
    return Note(note.text, tuple(line for line in note.signatures if any(line.of(key) for key in keys)))
