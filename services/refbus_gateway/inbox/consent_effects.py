"""What a verified event about consent causes here: a new version counts, a withdrawal stops, an answer ends retries."""

from __future__ import annotations

from typing import Final

from refbus.core.consent.change import change_between
from refbus.core.consent.record import ConsentState, Evidence, withdrawal_of
from refbus.core.vocabulary import EventType
from refbus.errors import Code, UntrustedError
from refbus.said import said
from refbus_gateway.consent import audience
from refbus_gateway.home import confirmation
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules.verification import Verified
from refbus_gateway.store import alarms, cases, consents, referrals
from refbus_gateway.store.referrals import Event
from refbus_gateway.store.session import Transaction

EVENTS: Final = frozenset(
    {
        EventType.CONSENT_GRANTED,
        EventType.CONSENT_AMENDED,
        EventType.CONSENT_WITHDRAWN,
        EventType.WITHDRAWAL_ACKNOWLEDGED,
    }
)
"""The events that `apply` is for."""


def apply(gateway: Gateway, tx: Transaction, stored: Event, event: Verified) -> None:
    """Do what an event about consent asks for; the record that it carries was checked and kept already.

    Raises UntrustedError DECLARATION_MISMATCH when it says other than that record.
    """
    match event.block.event_type:
        case EventType.CONSENT_WITHDRAWN:
            _withdrawn(gateway, tx, stored, event)
        case EventType.WITHDRAWAL_ACKNOWLEDGED:
            _acknowledged(gateway, tx, stored, event)
        case _:
            _new_version(gateway, tx, stored, event)


def _new_version(gateway: Gateway, tx: Transaction, stored: Event, event: Verified) -> None:
    """Alarm a person when a version changes something else than its sender says; the signed record counts anyway."""
    record = _carried(gateway, event).record
    granted = event.block.event_type is EventType.CONSENT_GRANTED
    if record.state is ConsentState.WITHDRAWN or (granted and record.state is not ConsentState.GIVEN):
        raise UntrustedError(Code.DECLARATION_MISMATCH, said("not a new version of a consent"))
    told = event.payload.get("change")
    records = (each.signed.record for each in consents.of_case(tx, _case(tx, stored)))
    chain = (each for each in records if each.consent_id == record.consent_id)
    last = next((each for each in chain if each.version == record.version - 1), None)
    if told is not None and last is not None and told != change_between(last, record):
        detail = said("number %(number)s: not %(what)s", number=stored.referral, what=told)
        alarms.raise_of_many(tx, Code.DECLARATION_MISMATCH, said("number"), detail, gateway.now_ms())


def _withdrawn(gateway: Gateway, tx: Transaction, stored: Event, event: Verified) -> None:
    """From now on the consent decision here says WITHDRAWN; a person has to say what was done with the data."""
    evidence = _carried(gateway, event)
    if withdrawal_of(evidence) is None:
        raise UntrustedError(Code.DECLARATION_MISMATCH, said("not the withdrawal that it carries"))
    case, consent_id = _case(tx, stored), evidence.record.consent_id
    consents.add_withdrawal(tx, case, consent_id, stored.id, outgoing=False, now_ms=gateway.now_ms())
    audience.take_back(gateway, tx, case, event.block.sender)


def _acknowledged(gateway: Gateway, tx: Transaction, stored: Event, event: Verified) -> None:
    """End the retries of the withdrawals that the sender of this answer was told; it speaks for nobody else."""
    answer, case = event.payload["result"], _case(tx, stored)
    if not consents.of_consent(tx, event.payload["consent_id"], case_id=case.id, outgoing=True):
        confirmation.note_no(tx, case, event.block.sender, gateway.now_ms())
    for row in consents.of_consent(tx, event.payload["consent_id"], case_id=case.id, outgoing=True):
        if not referrals.same_counterpart(tx, row.event_row, stored.id):
            continue
        if row.acknowledged_ms is None or row.answer == "STOPPED" or answer == "ERASED":  # erased later is progress
            consents.acknowledge(tx, row.id, answer, event.payload["retention_reason"], gateway.now_ms())


def _carried(gateway: Gateway, event: Verified) -> Evidence:
    """Return the record that a consent event carries. Raises UntrustedError when it tells of another one."""
    if event.block.consent_record is None:
        raise UntrustedError(Code.DECLARATION_MISMATCH, said("it carries no record"))
    evidence = gateway.evidence.evidence_of(event.block.consent_record, gateway.view())
    told = (event.payload["consent_id"], event.payload["consent_version"], event.payload["record_sha256"])
    if told != (evidence.record.consent_id, evidence.record.version, evidence.record_sha256):
        raise UntrustedError(Code.DECLARATION_MISMATCH, said("not the record that it carries"))
    return evidence


def _case(tx: Transaction, stored: Event) -> cases.Case:
    return cases.get(tx, referrals.get(tx, stored.referral).case_id)
