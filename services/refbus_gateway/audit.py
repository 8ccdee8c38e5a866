"""What this gateway decided, as entries of the national audit record: committed, sealed to the inspector, queued.

An entry goes through the same durable outbox as everything else, in the transaction of the decision itself.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from refbus.audit.entry import make_entry
from refbus.audit.record import AuditOutcome, AuditRecord, Stage
from refbus.core.directory import OrgRole
from refbus.core.ids import ConsentId, EventId
from refbus.core.vocabulary import EventType
from refbus.crypto.secretbox import hkdf_sha256
from refbus.errors import Code, UncheckableError
from refbus_gateway.gateway import Gateway
from refbus_gateway.store import outbox
from refbus_gateway.store.cases import Case
from refbus_gateway.store.session import Transaction

_AUDIT_KEY: Final = b"refbus/v1/gateway/audit-key\0"


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision of this gateway. `consent` is the id and version that decided."""

    stage: Stage
    outcome: AuditOutcome
    codes: tuple[Code, ...] = ()
    event_type: EventType | None = None
    event_id: EventId | None = None
    message_sha256: bytes | None = None
    consent: tuple[ConsentId | None, int | None] = (None, None)


def record(gateway: Gateway, tx: Transaction, case: Case | None, decided: Decided) -> None:
    """Queue the audit entry of one decision about `case`; None when the case is not known here, or not any more.

    The key of the entry comes from the case key, so that erasing the case makes the entry unopenable here too.
    Raises UncheckableError when the directory has no inspector of this country, or no key of ours in force.
    """
    now_ms = gateway.now_ms()
    entry = make_entry(
        AuditRecord(
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
        ),
        audit_key=hkdf_sha256(_secret(gateway, case), _AUDIT_KEY, 32),
        signer=gateway.keys.signer(gateway.directory(), gateway.me, now_ms),
        inspector=_inspector(gateway, now_ms),
    )
    outbox.add(tx, gateway.audit_topic, entry.encode(), now_ms=now_ms)


def _secret(gateway: Gateway, case: Case | None) -> bytes:
    return gateway.keys.store.secret if case is None or case.key is None else case.key.secret


def _inspector(gateway: Gateway, now_ms: int) -> bytes:
    for organisation in gateway.directory().organisations.values():
        if organisation.role is OrgRole.INSPECTOR and organisation.country == gateway.country:
            key = organisation.current_kem_key(now_ms)
            if key is not None:
                return key.public
    raise UncheckableError(Code.KEY_UNKNOWN, "no inspector of this country in the directory")
