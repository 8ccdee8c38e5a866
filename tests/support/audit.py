"""Audit records and entries for tests: the gate of kz decides, the inspector of kz can read."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from typing import Any

from refbus.audit import AuditOutcome, AuditRecord, Stage, make_entry
from refbus.core.ids import ConsentId, EventId
from refbus.core.vocabulary import EventType
from refbus.errors import Code, MalformedError
from refbus.wire.transport import AuditEntry, ErasureOrder
from support.directories import NOW_MS, gate, inspector, kem_private, signing_pair

AUDIT_KEY = hashlib.sha256(b"test audit key").digest()
DECISION_ID = bytes(range(16))


def entries_in(values: Iterable[bytes]) -> list[AuditEntry]:
    """Return the entries among the records of an audit topic; erasure orders are left out."""
    found = []
    for value in values:
        try:
            found.append(AuditEntry.parse(value))
        except MalformedError:
            ErasureOrder.parse(value)
    return found


def orders_in(values: Iterable[bytes]) -> list[ErasureOrder]:
    """Return the erasure orders among the records of an audit topic."""
    found = []
    for value in values:
        try:
            found.append(ErasureOrder.parse(value))
        except MalformedError:
            AuditEntry.parse(value)
    return found


def audit_record(**changes: Any) -> AuditRecord:
    """Return the record of a refusal at egress, with fields replaced."""
    plain = AuditRecord(
        decision_id=DECISION_ID,
        writer=gate("kz"),
        stage=Stage.EGRESS,
        outcome=AuditOutcome.REFUSED,
        codes=(Code.EXPIRED, Code.NO_CONSENT),
        event_type=EventType.REFERRAL_REQUESTED,
        event_id=EventId(b"e" * 16),
        message_sha256=b"m" * 32,
        consent_id=ConsentId(b"c" * 16),
        consent_version=2,
        at_ms=NOW_MS,
    )
    return dataclasses.replace(plain, **changes)


def audit_entry(record: AuditRecord | None = None, *, audit_key: bytes = AUDIT_KEY) -> AuditEntry:
    """Return the entry of `record`, signed by the gate of kz and sealed to the inspector of kz."""
    inspector_public = kem_private(inspector("kz")).public
    return make_entry(
        record or audit_record(), audit_key=audit_key, signer=signing_pair(gate("kz")), inspector=inspector_public
    )
