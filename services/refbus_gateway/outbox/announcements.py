"""What an office that goes on from a backup says of it, once to each organisation, and who has answered.

Said in the newest course in which something of either side has arrived, so that the gates let it pass; to whom no such
course is left nothing is said. An organisation that becomes known later is told then. Nobody's answer is waited for:
without one the same event goes out in a fresh envelope every day, for thirty days (`sync.writer`).
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, replace
from typing import Final

from refbus.core.bounds import TIME_MS
from refbus.core.ids import OrgId
from refbus.core.vocabulary import EventType
from refbus.each import each
from refbus.errors import RefbusError
from refbus.said import said
from refbus_gateway.home import confirmation
from refbus_gateway.home.confirmation import ANNOUNCED, State
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import envelopes
from refbus_gateway.outbox.announced import Announcement, Said, find
from refbus_gateway.outbox.envelopes import Draft
from refbus_gateway.store import alarms, referrals
from refbus_gateway.store.referrals import EventStatus, Referral
from refbus_gateway.store.session import Transaction

RESTORED: Final = "RESTORED"
REPEATED: Final = "REPEATED"
_ARRIVED: Final = frozenset({EventStatus.SENT, EventStatus.VERIFIED, EventStatus.PARKED})


def announce(gateway: Gateway) -> None:
    """Tell everybody who was not told yet, each in a transaction of its own. Raises StoreError.

    Who cannot be told now (no key, no directory) is told by a later round, and a person hears why.
    """
    with gateway.store.read() as tx:
        state = confirmation.find(tx)
        if state is None:
            return
        known, newest = find(tx), referrals.newest_event(tx)
        if known is not None and known.looked == newest:
            return
        courses = _courses(tx)
    told = {} if known is None else known.to
    failed: list[OrgId] = []

    def say(org: OrgId) -> None:
        with gateway.store.write() as tx:
            _say(gateway, tx, state, courses[org])

    def note(org: OrgId, error: RefbusError) -> None:
        failed.append(org)
        with gateway.store.write() as tx:
            detail = said("%(organisation)s could not be told that this office goes on from a backup", organisation=org)
            alarms.raise_alarm(tx, error.code, detail, gateway.now_ms())

    each(sorted(courses.keys() - told.keys()), say, note)
    if not failed:
        with gateway.store.write() as tx:
            _keep(tx, replace(_of(tx), looked=referrals.newest_event(tx)))


def answered(tx: Transaction, org: OrgId, restore_id: bytes, now_ms: int) -> bool:
    """Note that an organisation has sent again what it said; False when it was not asked, or for another restore."""
    known = find(tx)
    if known is None or known.restore_id != restore_id.hex() or org not in known.to:
        return False
    if known.to[org].answered_ms is None:
        _keep(tx, replace(known, to={**known.to, org: replace(known.to[org], answered_ms=now_ms)}))
    return True


def _say(gateway: Gateway, tx: Transaction, state: State, course: Referral) -> None:
    known, now_ms = _of(tx), gateway.now_ms()
    fields = {
        "word": RESTORED,
        "restore_id": bytes.fromhex(known.restore_id),
        "since_ms": TIME_MS.nearest(confirmation.since_ms(state)),
    }
    draft = Draft(EventType.OFFICE_RESTORED, fields, envelopes.terms_of(tx, course))
    event = envelopes.send(gateway, tx, course, draft)
    _keep(tx, replace(known, to={**known.to, course.org: Said(event.id, now_ms)}))


def _courses(tx: Transaction) -> dict[OrgId, Referral]:
    """Return for each organisation the newest course of a live case in which something has arrived."""
    found: dict[OrgId, Referral] = {}
    for course in reversed(referrals.every(tx, [], [])):
        if course.org not in found and _has_arrived(tx, course):
            found[course.org] = course
    return found


def _has_arrived(tx: Transaction, course: Referral) -> bool:
    read = each([course], lambda one: referrals.events_of(tx, one), lambda *_: None)
    return any(event.status in _ARRIVED for events in read for event in events)


def _of(tx: Transaction) -> Announcement:
    return find(tx) or Announcement(secrets.token_bytes(16).hex())


def _keep(tx: Transaction, known: Announcement) -> None:
    tx.put_sealed(ANNOUNCED, asdict(known))
