r"""The audit entry: a leaf and the record behind it, sealed to the inspector role and signed by its writer.

    sealed_record = stanza || Cobblestone256 box over pad(LP(opening) || LP(type) || LP(record)), 1 KiB or 4 KiB,
                    bound to SHA-256(LP(decision_id) || LP(writer) || LP(leaf)), so it cannot move to another entry
    signature     = Ed25519 over "refbus/v1/audit-entry\0" || LP(decision_id) || LP(writer) || LP(kid) || LP(leaf)
                    || u64be at_ms || SHA-256(sealed_record) || 0x01 if it stays

Sealing is randomised: a repeated transaction gives the same decision id and leaf under other sealed bytes, and the
auditor keeps the first. Specification: docs/spec/audit-entry.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from refbus.audit.record import AnyRecord
from refbus.audit.statement import Statement
from refbus.audit.writers import writing_key
from refbus.core.directory import Organisation
from refbus.core.ids import OrgId
from refbus.core.units import HOUR_MS
from refbus.crypto.box import box_size
from refbus.crypto.framing import lp, sha256, u64be
from refbus.crypto.kem import KemPrivate, KemPublic
from refbus.crypto.padding import pad_exact, unpad_exact
from refbus.crypto.sealed import Sealed, open_sealed, seal_for
from refbus.crypto.signing import LABEL_AUDIT, SigningPair, sign_ed25519, verify_ed25519
from refbus.crypto.stanza import STANZA_SIZE, Box
from refbus.errors import Code, MalformedError, UntrustedError
from refbus.wire.transport import AuditEntry

SIZE_CLASSES: Final = (1024, 4096)
"""Bytes of the padded plaintext: the size of an entry says at most whether there were very many reasons."""


def make_entry(record: AnyRecord, *, audit_key: bytes, signer: SigningPair, inspector: bytes) -> AuditEntry:
    """Return the signed entry of one decision.

    `audit_key`: of the case, 32 secret random bytes, destroyed on erasure; the writer's own when the case is not known.
    `inspector`: public KEM key of the inspector role, 1216 bytes. Raises MalformedError, UntrustedError KEY_INVALID.
    """
    return entry_of(Statement.of(record, audit_key), signer=signer, inspector=inspector)


def entry_of(statement: Statement, *, signer: SigningPair, inspector: bytes) -> AuditEntry:
    """Return the signed entry of a statement. Arguments and errors as of `make_entry`."""
    record, leaf, plaintext = statement.record, statement.leaf, statement.encode()
    bound = _bound(record.decision_id, record.writer, leaf)
    sealed = seal_for(Box.AUDIT, KemPublic.parse(inspector), bound, pad_exact(plaintext, _size_class(len(plaintext))))
    sealed_record = sealed.stanza + sealed.box
    entry = AuditEntry(
        record.decision_id,
        record.writer,
        signer.kid,
        leaf,
        coarse(record.at_ms),
        sealed_record,
        ed25519=b"",
        stays=record.stays,
    )
    return replace(entry, ed25519=sign_ed25519(signer, LABEL_AUDIT, _signed_message(entry)))


def coarse(at_ms: int) -> int:
    """Return the beginning of the hour of a time, UTC ms: what everybody may see of when something was decided."""
    return at_ms - at_ms % HOUR_MS


def verify_entry(entry: AuditEntry, writer: Organisation, logged_at_ms: int) -> None:
    """Check that `writer` signed the entry with a key that was good when the broker logged it (UTC milliseconds).

    The broker's time counts, since a stolen key can write any other. Raises UncheckableError KEY_UNKNOWN, and
    UntrustedError KEY_EXPIRED, KEY_REVOKED, SIGNATURE_INVALID, AUDIT_INVALID (another writer, an impossible size).
    """
    key = writing_key(writer, entry.writer, entry.kid, logged_at_ms)
    if len(entry.sealed_record) not in _SEALED_SIZES:
        raise UntrustedError(Code.AUDIT_INVALID)
    verify_ed25519(key, LABEL_AUDIT, _signed_message(entry), entry.ed25519)


def open_entry(entry: AuditEntry, keys: Sequence[KemPrivate]) -> AnyRecord:
    """Return the record of an entry, for the inspector; `keys` are the private keys of the role, any epoch.

    Raises UntrustedError: OPEN_FAILED when no key opens it, AUDIT_INVALID when what is inside is not what the leaf and
    the entry say, or when it is said to stay and is no evidence. Whether evidence is marked is for the caller: versions
    before the mark made none. Call `verify_entry` as well: this one does not look at the signature.
    """
    plaintext = _open(entry, keys)
    try:
        parts = unpad_exact(plaintext, len(plaintext))
        statement = Statement.parse(parts)
        canonical = len(plaintext) == _size_class(len(parts))
    except MalformedError:
        raise UntrustedError(Code.AUDIT_INVALID, "sealed record") from None
    record = statement.record
    same_facts = (record.decision_id, record.writer) == (entry.decision_id, entry.writer)
    same_facts = same_facts and entry.at_ms in {coarse(record.at_ms), record.at_ms}  # the exact time: before 2026-12
    if not (canonical and same_facts and statement.leaf == entry.leaf and entry.stays <= record.stays):
        raise UntrustedError(Code.AUDIT_INVALID, "leaf")
    return record


_SEALED_SIZES: Final = frozenset(STANZA_SIZE + box_size(size) for size in SIZE_CLASSES)


def _open(entry: AuditEntry, keys: Sequence[KemPrivate]) -> bytes:
    sealed = Sealed(entry.sealed_record[:STANZA_SIZE], entry.sealed_record[STANZA_SIZE:])
    bound = _bound(entry.decision_id, entry.writer, entry.leaf)
    for key in keys:
        try:
            return open_sealed(Box.AUDIT, key, bound, sealed)
        except UntrustedError:
            continue
    raise UntrustedError(Code.OPEN_FAILED)


def _size_class(length: int) -> int:
    """Return the smallest class that holds a length prefix and `length` bytes. Raises MalformedError TOO_LARGE."""
    for size in SIZE_CLASSES:
        if length + 4 <= size:
            return size
    raise MalformedError(Code.TOO_LARGE, "audit record")


def _bound(decision_id: bytes, writer: OrgId, leaf: bytes) -> bytes:
    return sha256(lp(decision_id) + lp(writer.encode()) + lp(leaf))


def _signed_message(entry: AuditEntry) -> bytes:
    ids = lp(entry.decision_id) + lp(entry.writer.encode()) + lp(entry.kid) + lp(entry.leaf)
    return ids + u64be(entry.at_ms) + sha256(entry.sealed_record) + (b"\x01" if entry.stays else b"")
