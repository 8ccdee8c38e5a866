"""What does not go through, who stops it, and what the sender is told."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from refbus.bus.memory import Fault
from refbus.core.courses.referral import State
from refbus.core.directory import OrgStatus
from refbus.core.ids import OrgId
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code, ConsentError, RefbusError, RuleError, UncheckableError
from refbus.trust.publisher import changes
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.cases import casework
from refbus_gateway.reports.overview import Hop
from refbus_gateway.store import cases, referrals, set_aside
from support.gateways import (
    alarm_codes,
    case_file,
    consent_file,
    home_health,
    id_of,
    incoming,
    line,
    new_case,
    open_at,
    refer,
    say,
    sent,
    take_consent,
    view,
    withdraw_all,
)
from support.nodes import Road

PHOTO = {
    "data_category": "PHOTO_BIOMETRIC",
    "title": "Fictional photo",
    "media_type": "image/png",
    "content_base64": "iVBORw0KGgo=",
}


def queued(road: Road) -> int:
    """Return how many envelopes of kz and uz ever reached a broker."""
    return len(road.bus.records("kz.outbox")) + len(road.bus.records("uz.outbox"))


def refused(road: Road, case: int, **options: Any) -> RefbusError:
    """Try to refer a case and return why it was refused; nothing may have left."""
    before = queued(road)
    with pytest.raises(RefbusError) as found:
        refer(road.kz, case, **options)
    road.settle()
    assert queued(road) == before
    return found.value


def test_without_consent_nothing_is_sealed(shared: Road) -> None:
    """NO_CONSENT, before anything is made that could leak."""
    error = refused(shared, new_case(shared.kz, case_file(about="Fictional: no consent")))
    assert isinstance(error, ConsentError)
    assert error.code is Code.NO_CONSENT


def test_a_consent_for_one_organisation_is_none_for_another(shared: Road) -> None:
    """RECIPIENT_NOT_COVERED: the person named somebody else."""
    case = new_case(shared.kz, case_file(about="Fictional: another recipient"))
    take_consent(shared.kz, case, consent_file(OrgId("uz-1ega1a1d")))
    assert refused(shared, case).code is Code.RECIPIENT_NOT_COVERED


def test_what_the_person_denies_stays_here(shared: Road) -> None:
    """EXPLICIT_DENY by a list that never travels, whatever a consent says."""
    case = new_case(shared.kz, case_file(about="Fictional: denied"))
    take_consent(shared.kz, case, consent_file())
    with shared.kz.store.write() as tx:
        casework.deny(tx, cases.get(tx, case), [shared.shelter])
    error = refused(shared, case)
    assert isinstance(error, ConsentError)
    assert Code.EXPLICIT_DENY in error.reasons


def test_a_withheld_category_is_refused_and_can_be_left_out(shared: Road) -> None:
    """CATEGORY_NOT_COVERED with health; without it the same case goes through, and no health arrives."""
    permit = {
        "purposes": ["REFERRAL_SERVICES"],
        "actions": ["DISCLOSE", "REPORT_BACK"],
        "data_categories": ["IDENTITY", "SERVICE_NEEDS"],
    }
    case = new_case(shared.kz, case_file(about="Fictional: health withheld"))
    take_consent(shared.kz, case, consent_file(permit=[permit]))
    error = refused(shared, case)
    assert error.code is Code.CATEGORY_NOT_COVERED
    assert error.detail == "not agreed to: HEALTH"
    number = refer(shared.kz, case, withhold=[DataCategory.HEALTH])
    shared.settle()
    opened = open_at(shared.uz, incoming(shared.uz, id_of(shared.kz, number)))
    assert "Health" not in opened.events[0].sections
    assert "Person" in opened.events[0].sections


def test_photos_do_not_leave_uz(own: Road) -> None:
    """RESIDENCY_FORBIDDEN whatever the person says: the law of uz is data in its policy."""
    permit = {
        "purposes": ["REFERRAL_SERVICES"],
        "actions": ["DISCLOSE"],
        "data_categories": [str(category) for category in DataCategory],
    }
    uz = own.gateway(OrgId("uz-agency01"))
    content = case_file(recipient={"organisation": own.agency}, attachments=[PHOTO])
    case = new_case(uz, content)
    take_consent(uz, case, consent_file(own.agency, permit=[permit]))
    with pytest.raises(RuleError) as found:
        refer(uz, case)
    assert found.value.code is Code.RESIDENCY_FORBIDDEN


def test_withdrawn_then_sent_is_refused_at_home(shared: Road) -> None:
    """WITHDRAWN: nothing more can be sealed, in either direction."""
    case, number = sent(shared.kz, case_file(about="Fictional: withdrawn at home"))
    shared.settle()
    withdraw_all(shared.kz, case)
    shared.settle()
    assert refused(shared, case, again=True).code is Code.WITHDRAWN
    with pytest.raises(ConsentError) as found:
        say(
            shared.uz,
            incoming(shared.uz, id_of(shared.kz, number)),
            EventType.REFERRAL_ACCEPTED,
            responsible_worker_role="SOCIAL_WORKER",
        )
    assert found.value.code is Code.WITHDRAWN


def test_withdrawn_then_sent_is_refused_by_the_gate_too(own: Road) -> None:
    """A sender that forgot the withdrawal, here by going back to an older store, is stopped by its own gate."""
    case, _ = sent(own.kz)
    own.settle()
    home = own.home(own.agency).path
    own.kz.store.database.copy_to(home / "before.db")
    withdraw_all(own.kz, case)
    own.settle()
    own.kz.close()
    for name in ("store.db", "store.db-wal", "store.db-shm"):
        (home / name).unlink(missing_ok=True)
    shutil.move(home / "before.db", home / "store.db")
    forgetful = own.gateway(own.agency)
    number = refer(forgetful, case, again=True)
    own.settle()
    found = line(forgetful, number)
    assert found.hop is Hop.REFUSED
    assert Code.WITHDRAWN in found.codes
    assert view(forgetful, number).state is State.DRAFT


def test_an_unknown_organisation_is_not_sent_to(shared: Road) -> None:
    """ORGANISATION_UNKNOWN: the directory has no such member."""
    case = new_case(shared.kz, case_file(about="Fictional: unknown organisation"))
    error = refused(shared, case, to=OrgId("uz-00000000"))
    assert error.code is Code.ORGANISATION_UNKNOWN


def test_a_suspended_recipient_is_not_sent_to(own: Road) -> None:
    """RECIPIENT_REVOKED as soon as the directory says so."""
    case = new_case(own.kz)
    take_consent(own.kz, case, consent_file())
    publication = own.lab.publication(own.clock())
    changes.set_status(publication, own.shelter, OrgStatus.SUSPENDED)
    own.lab.publish(publication)
    own.publish()
    own.sync(own.kz)
    with pytest.raises(ConsentError) as found:
        refer(own.kz, case)
    assert Code.RECIPIENT_REVOKED in found.value.reasons


def test_a_consent_ends_by_itself(own: Road) -> None:
    """EXPIRED once its last day is over, at the sender and on what was received."""
    case, number = sent(own.kz, consent=consent_file(valid_until="2026-09-25"))
    own.settle()
    there = incoming(own.uz, id_of(own.kz, number))
    own.clock.move(days=5)
    own.lab.republish(own.clock())
    own.publish()
    own.settle()
    assert Code.EXPIRED in open_at(own.uz, there).events[0].hidden
    with pytest.raises(ConsentError) as found:
        refer(own.kz, case, again=True)
    assert Code.EXPIRED in found.value.reasons


def test_a_tampered_envelope_is_quarantined_and_sent_again(own: Road) -> None:
    """One flipped bit on the way: the gate sets it aside, and the same bytes arrive at the next attempt."""
    own.bus.inject("kz.outbox", Fault.TAMPER)
    _, number = sent(own.kz)
    own.settle()
    assert line(own.kz, number).hop is Hop.MY_GATE
    own.clock.move(hours=1)
    own.settle()
    assert view(own.kz, number).state is State.DELIVERED


def test_a_replayed_envelope_has_no_second_effect(own: Road) -> None:
    """The same bytes again, at the gate and in the inbox: one referral, one delivery."""
    _, number = sent(own.kz)
    own.settle()
    for topic in ("kz.outbox", "uz.border.kz"):
        own.bus.put(topic, own.bus.records(topic)[0].value)
    first = own.bus.records(f"uz.inbox.{own.shelter}")
    event = next(each for each in map(_parsed, first) if each.kind is InboxKind.EVENT)
    own.bus.put(f"uz.inbox.{own.shelter}", InboxRecord(InboxKind.EVENT, len(first) + 1, event.body).encode())
    own.settle()
    with own.uz.store.read() as tx:
        events = referrals.events_of(tx, referrals.get(tx, incoming(own.uz, id_of(own.kz, number))))
    assert [each.block.event_type for each in events if not each.outgoing] == [EventType.REFERRAL_REQUESTED]
    assert view(own.kz, number).state is State.DELIVERED


def test_a_stranger_in_the_inbox_is_refused_and_told(own: Road) -> None:
    """Garbage and foreign records are kept as evidence with an alarm; the rest of the inbox is read."""
    own.bus.put(f"uz.inbox.{own.shelter}", InboxRecord(InboxKind.EVENT, 1, b"not an envelope").encode())
    own.bus.put(f"uz.inbox.{own.shelter}", b"not even a record")
    own.sync(own.uz)
    assert home_health(own.uz).refused == 2
    assert "MALFORMED" in alarm_codes(own.uz)
    with own.uz.store.read() as tx:
        assert [each.code for each in set_aside.aside(tx, set_aside.AsideState.REFUSED)] == ["MALFORMED"] * 2


def test_a_hole_in_the_inbox_is_an_alarm_and_drops_nothing(own: Road) -> None:
    """INBOX_GAP when a sequence number is missing; what follows is taken in all the same."""
    topic = f"uz.inbox.{own.shelter}"
    sent(own.kz)
    own.sync(own.kz)
    for node in own.nodes.values():
        node.work()
    record = _parsed(own.bus.records(topic)[0])
    own.bus.recreate_topic(topic)
    own.bus.put(topic, InboxRecord(record.kind, record.sequence + 3, record.body).encode())
    own.sync(own.uz)
    assert "INBOX_GAP" in alarm_codes(own.uz)
    with own.uz.store.read() as tx:
        assert len(referrals.every(tx)) == 1


def test_an_expired_directory_holds_everything(own: Road) -> None:
    """Nothing is decided on a directory that ran out: sending waits for a fresh one, nothing is refused."""
    case = new_case(own.kz)
    take_consent(own.kz, case, consent_file())
    own.clock.move(days=60)
    with pytest.raises(UncheckableError) as found:
        refer(own.kz, case)
    assert found.value.code is Code.DIRECTORY_EXPIRED
    assert own.clock.now_ms > DAY_MS


def _parsed(record: Any) -> InboxRecord:
    return InboxRecord.parse(record.value)
