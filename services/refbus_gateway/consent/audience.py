"""Who has to hear of a new version of a consent, and what of the case has not left this computer yet.

Every course of the case with that organisation is told that is still open, so that each shows it; where none is open,
or nothing came through in those that are, the newest of the others. A course of which nothing ever left is told
nothing. Each course is told in a step of its own: one that cannot be told keeps no other from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from refbus.core.consent.change import change_between
from refbus.core.consent.record import ConsentRecord, ConsentState
from refbus.core.ids import OrgId
from refbus.core.vocabulary import EventType
from refbus.crypto.framing import sha256
from refbus.each import alone, each
from refbus.errors import ConsentError, RefbusError, UncheckableError
from refbus.said import said
from refbus.wire.consent import decode_record, decode_signed, encode_record
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import envelopes
from refbus_gateway.outbox.envelopes import Draft
from refbus_gateway.rules import course_state, permission
from refbus_gateway.store import alarms, consents, referrals
from refbus_gateway.store.cases import Case
from refbus_gateway.store.erasures import stop_event
from refbus_gateway.store.referrals import Event, EventStatus, Referral
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.tellings import Telling


@dataclass(frozen=True, slots=True)
class Told:
    """How many courses got word now, and why the last one that did not get it did not."""

    courses: int
    error: RefbusError | None = None


def take_back(gateway: Gateway, tx: Transaction, case: Case, org: OrgId) -> int:
    """Send nothing more of what waits for `org` and is not permitted any more; return how much never left.

    What was handed to the broker's client may have left: it is not sent again, and what gates say of it still counts.
    What cannot be decided now waits.
    """
    count = 0
    for event in _waiting(tx, case, org):
        with alone(event, lambda _, error: _tell(gateway, tx, error), inside=tx.savepoint):
            count += _stop(gateway, tx, case, event)
    return count


def word(gateway: Gateway, tx: Transaction, case: Case, row: Telling) -> Told:
    """Queue word of a signed answer in every course that has not got it yet.

    A withdrawal is repeated until it is acknowledged. A version that follows another is ConsentGranted after a no, and
    the course goes on; else ConsentAmended, with what changed. Nobody has to be told of a no after a no.
    """
    record = decode_signed(row.signed).record
    if record.state is ConsentState.WITHDRAWN:
        return _word(gateway, tx, case, row, (EventType.CONSENT_WITHDRAWN, _fields(record)))
    before = decode_record(row.before) if row.before else None
    if before is None or ConsentState.GIVEN not in {before.state, record.state}:
        return Told(0)
    if before.state is ConsentState.GIVEN:
        fields = {**_fields(record), "change": change_between(before, record)}
        return _word(gateway, tx, case, row, (EventType.CONSENT_AMENDED, fields))
    return _word(gateway, tx, case, row, (EventType.CONSENT_GRANTED, _fields(record)))


def _word(
    gateway: Gateway, tx: Transaction, case: Case, row: Telling, what: tuple[EventType, dict[str, object]]
) -> Told:
    event_type, fields = what
    record, withdrawn = decode_signed(row.signed).record, event_type is EventType.CONSENT_WITHDRAWN
    errors: list[RefbusError] = []

    def say(referral: Referral) -> None:
        draft = Draft(event_type, fields, envelopes.terms_of(tx, referral), consent_record=row.signed)
        event = envelopes.send(gateway, tx, referral, draft)
        if withdrawn:
            now_ms = gateway.now_ms()
            consents.add_withdrawal(tx, case, record.consent_id, event.id, outgoing=True, now_ms=now_ms)

    found = [course_state for course_state in courses(tx, case, row.org) if withdrawn or course_state.own]
    to_tell = [course_state for course_state in found if not _has(tx, course_state, row.signed)]
    told = each(to_tell, say, lambda _, error: errors.append(error), inside=tx.savepoint)
    return Told(len(told), errors[-1] if errors else None)


def _has(tx: Transaction, referral: Referral, signed: bytes) -> bool:
    """Whether word of this very record was queued in a course before, and may have been heard.

    What a gate refused was heard by nobody: it was said before its request came through. A no is repeated by itself.
    """
    words = [one for one in referrals.events_of(tx, referral) if one.outgoing and one.block.event_type in _WORDS]
    counts = [one for one in words if one.status is not EventStatus.REFUSED or _is_no(one)]
    return any(one.block.consent_record == signed for one in counts)


def _is_no(event: Event) -> bool:
    return event.block.event_type is EventType.CONSENT_WITHDRAWN


_WORDS: Final = frozenset({EventType.CONSENT_WITHDRAWN, EventType.CONSENT_GRANTED, EventType.CONSENT_AMENDED})


def _stop(gateway: Gateway, tx: Transaction, case: Case, event: Event) -> bool:
    try:
        permission.require_permit(gateway, tx, case, event.block)
    except UncheckableError:
        return False
    except ConsentError as error:
        unsent = stop_event(tx, event.id)
        taken_back = said("referral %(number)s: taken back unsent", number=event.referral)
        not_again = said("referral %(number)s: not sent again", number=event.referral)
        alarms.raise_alarm(tx, error.code, taken_back if unsent else not_again, gateway.now_ms())
        return unsent
    return False


def _tell(gateway: Gateway, tx: Transaction, error: RefbusError) -> None:
    told = said("something that waits could not be judged after a no")
    alarms.raise_alarm(tx, error.code, told, gateway.now_ms())


def courses(tx: Transaction, case: Case, org: OrgId) -> list[Referral]:
    """Return the courses of a case in which `org` hears of its consent, oldest first; none that cannot be read.

    Where nothing is known to have come through in those that are open, the newest in which it did hears of it too.
    """
    with_org = [found for found in referrals.of_case(tx, case) if found.org == org]
    views = each(with_org, lambda found: (found, course_state.view_of(tx, found)), lambda *_: None)
    begun = [(found, view) for found, view in views if view.last is not None]
    still_open = [found for found, view in begun if view.is_open]
    if any(_came_through(tx, found) for found in still_open):
        return still_open
    over = [found for found, view in begun if not view.is_open]
    heard = [found for found in over if _came_through(tx, found)] if still_open else over
    return sorted([*heard[-1:], *still_open], key=lambda each: each.id)


def _came_through(tx: Transaction, referral: Referral) -> bool:
    """Whether the other side certainly has something of a course: it answered, or its gate took an event of ours."""
    return any(not one.outgoing or one.status is EventStatus.SENT for one in referrals.events_of(tx, referral))


def _waiting(tx: Transaction, case: Case, org: OrgId) -> list[Event]:
    """Return the events for `org` that rest on consent and that no gate abroad has taken.

    What cannot be read cannot be sealed again either, and what was sealed is judged by the gates.
    """
    with_org = [found for found in referrals.of_case(tx, case) if found.org == org]
    return [event for events in each(with_org, lambda one: _resting(tx, one), lambda *_: None) for event in events]


def _resting(tx: Transaction, referral: Referral) -> list[Event]:
    queued = (event for event in referrals.events_of(tx, referral) if event.status is EventStatus.QUEUED)
    return [one for one in queued if permission.needs_permit(one.block) and one.block.legal_basis_record is None]


def _fields(record: ConsentRecord) -> dict[str, object]:
    return {
        "consent_id": record.consent_id,
        "consent_version": record.version,
        "record_sha256": sha256(encode_record(record)),
    }
