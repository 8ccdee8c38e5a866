"""What this gateway decided, as entries of the national audit record: committed, sealed to the inspector, queued.

An entry goes through the same durable outbox as everything else, in the transaction of the decision itself; so does
the statement behind it, which is kept here until the log's proof comes back, and after.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from refbus.audit.entry import entry_of
from refbus.audit.inspector import inspector_key
from refbus.audit.record import AuditOutcome, AuditRecord, Stage
from refbus.audit.statement import Statement
from refbus.core.ids import ConsentId, EventId
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import EventType
from refbus.crypto.secretbox import hkdf_sha256
from refbus.errors import Code, UncheckableError
from refbus.said import said
from refbus.wire.consent import decode_signed
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import outbox, statements
from refbus_gateway.store.cases import Case
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.statements import Link

_AUDIT_KEY: Final = b"refbus/v1/gateway/audit-key\0"


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision of this gateway. `consent` is the id and version that decided, `event_row` our row of the event."""

    stage: Stage
    outcome: AuditOutcome
    codes: tuple[Code, ...] = ()
    event_type: EventType | None = None
    event_id: EventId | None = None
    message_sha256: bytes | None = None
    consent: tuple[ConsentId | None, int | None] = (None, None)
    event_row: int | None = None


def record(gateway: Gateway, tx: Transaction, case: Case | None, decided: Decided) -> None:
    """Queue the audit entry of one decision about `case`; None when the case is not known here.

    The key of the entry comes from the case key, so that erasing the case makes the entry unopenable here too; for a
    case whose key is gone, or is about to go, it comes from the store key. A directory that has expired will do: what
    was decided is decided. Raises UncheckableError when it has no inspector of this country, or no key of ours in
    force.
    """
    now_ms = gateway.now_ms()
    said = _said(gateway, decided, now_ms)
    audit_key = hkdf_sha256(_secret(gateway, case), _AUDIT_KEY, 32)
    statement = Statement.of(said, audit_key)
    entry = entry_of(
        statement,
        signer=gateway.keys.signer(gateway.view(), gateway.me, now_ms),
        inspector=_inspector(gateway, now_ms),
    )
    due_ms = gateway.pace.audit_at(now_ms)
    row = outbox.add(tx, gateway.audit_topic, entry.encode(), now_ms=now_ms, due_ms=due_ms)
    statements.add(tx, statement, Link(case, decided.event_row, row))


def consent_of(block: RoutingBlock) -> tuple[ConsentId | None, int | None]:
    """Return the id and version of the consent that an event travels on. Raises MalformedError."""
    if block.consent_record is None:
        return None, None
    decided = decode_signed(block.consent_record).record
    return decided.consent_id, decided.version


def _said(gateway: Gateway, decided: Decided, now_ms: int) -> AuditRecord:
    return AuditRecord(
        decision_id=secrets.token_bytes(16),
        writer=gateway.me,
        stage=decided.stage,
        outcome=decided.outcome,
        codes=decided.codes,
        event_type=decided.event_type,
        event_id=decided.event_id,
        message_sha256=decided.message_sha256,
        consent_id=decided.consent[0],
        consent_version=decided.consent[1],
        at_ms=now_ms,
    )


def _secret(gateway: Gateway, case: Case | None) -> bytes:
    return gateway.keys.store.secret if case is None or case.key is None else case.key.secret


def _inspector(gateway: Gateway, now_ms: int) -> bytes:
    key = inspector_key(gateway.view(), gateway.country, now_ms)
    if key is None:
        raise UncheckableError(Code.KEY_UNKNOWN, said("no inspector of this country in the directory"))
    return key.public
