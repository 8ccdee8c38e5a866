"""Who has to hear of a new version of a consent, and what of the case has not left this computer yet.

Every course of the case with that organisation is told that is still open, so that each shows it; where none is open,
the newest that was begun. A course of which nothing ever left is told nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from refbus.core.consent import ConsentRecord, ConsentState
from refbus.core.consent_change import change_between
from refbus.core.ids import OrgId
from refbus.core.vocabulary import EventType, Priority, Purpose
from refbus.crypto.framing import sha256
from refbus.errors import ConsentError
from refbus.wire.consent import decode_signed, encode_record
from refbus_gateway import consenting, course, sending
from refbus_gateway.gateway import Gateway
from refbus_gateway.sending import Draft, Terms
from refbus_gateway.store import consents, inbox, outbox, referrals
from refbus_gateway.store.cases import Case
from refbus_gateway.store.outbox import RowState
from refbus_gateway.store.referrals import Event, EventStatus, Referral
from refbus_gateway.store.session import Transaction


def take_back(gateway: Gateway, tx: Transaction, case: Case, org: OrgId) -> int:
    """Refuse what waits here for `org`, never reached the broker, and is not permitted any more; return how much.

    Raises UncheckableError while the directory is not usable.
    """
    count = 0
    for event in _waiting(tx, case, org):
        try:
            consenting.require_permit(gateway, tx, case, event.block)
        except ConsentError as error:
            for row in outbox.of_event(tx, event.id):
                if row.state not in outbox.ENDED:
                    outbox.set_state(tx, row.id, RowState.REFUSED)
            referrals.set_status(tx, event.id, EventStatus.REFUSED)
            inbox.raise_alarm(tx, error.code, f"referral {event.referral}: taken back unsent", gateway.now_ms())
            count += 1
    return count


def withdrawal(gateway: Gateway, tx: Transaction, case: Case, signed: bytes) -> bool:
    """Queue word of a signed withdrawal, repeated until it is acknowledged; False when nobody has to be told."""
    record = decode_signed(signed).record
    told = courses(tx, case, _other(gateway, record))
    for referral in told:
        draft = Draft(EventType.CONSENT_WITHDRAWN, _fields(record), terms_of(tx, referral), consent_record=signed)
        event = sending.send(gateway, tx, referral, draft)
        consents.add_withdrawal(tx, case, record.consent_id, event.id, outgoing=True, now_ms=gateway.now_ms())
    return bool(told)


def version(gateway: Gateway, tx: Transaction, case: Case, before: ConsentRecord, signed: bytes) -> bool:
    """Queue word of a signed version that follows `before`; False when nobody has to be told.

    After a no it is ConsentGranted, and the course goes on; else ConsentAmended, with what changed.
    """
    record = decode_signed(signed).record
    if before.state is not ConsentState.GIVEN and record.state is not ConsentState.GIVEN:
        return False
    event_type, fields = EventType.CONSENT_GRANTED, _fields(record)
    if before.state is ConsentState.GIVEN:
        event_type, fields = EventType.CONSENT_AMENDED, {**fields, "change": change_between(before, record)}
    told = [each for each in courses(tx, case, record.party) if each.own]
    for referral in told:
        draft = Draft(event_type, fields, terms_of(tx, referral), consent_record=signed)
        sending.send(gateway, tx, referral, draft)
    return bool(told)


def courses(tx: Transaction, case: Case, org: OrgId) -> list[Referral]:
    """Return the courses of a case in which `org` hears of its consent, oldest first."""
    views = [(each, course.view_of(tx, each)) for each in referrals.of_case(tx, case) if each.org == org]
    begun = [(each, view) for each, view in views if view.last is not None]
    still_open = [each for each, view in begun if view.is_open]
    return still_open or [each for each, _ in begun[-1:]]


def terms_of(tx: Transaction, referral: Referral) -> Terms:
    """Return the purpose and priority of the event that a course began with."""
    began = course.beginning_of(referrals.events_of(tx, referral))
    if began is None:
        return Terms(Purpose.REFERRAL_SERVICES, Priority.ROUTINE)
    return Terms(began.block.purpose, began.block.priority)


def _waiting(tx: Transaction, case: Case, org: OrgId) -> Iterator[Event]:
    """Yield the events for `org` that rest on consent and that the broker has not taken."""
    for referral in referrals.of_case(tx, case):
        if referral.org == org:
            for event in referrals.events_of(tx, referral):
                rests = consenting.needs_permit(event.block) and event.block.legal_basis_record is None
                if event.status is EventStatus.QUEUED and rests and _unsent(tx, event):
                    yield event


def _unsent(tx: Transaction, event: Event) -> bool:
    return all(row.handed_ms is None for row in outbox.of_event(tx, event.id))


def _fields(record: ConsentRecord) -> dict[str, object]:
    return {
        "consent_id": record.consent_id,
        "consent_version": record.version,
        "record_sha256": sha256(encode_record(record)),
    }


def _other(gateway: Gateway, record: ConsentRecord) -> OrgId:
    return record.party if record.collected_by == gateway.me else record.collected_by
