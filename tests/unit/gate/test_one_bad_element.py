"""One member's notice, one course, one undelivered event that cannot be dealt with: the others are."""

from __future__ import annotations

import dataclasses

from refbus.core.ids import OrgId
from refbus.node.store.reads import read_inboxes
from refbus.wire.transport import InboxKind, InboxRecord, NoticeOutcome
from refbus_gate.decide.work import Work
from refbus_gate.names import inbox
from support.directories import agency, inspector, ngo
from support.gates import World


def _fails() -> bytes:
    raise ValueError("a key that nobody can seal to")


def test_a_notice_that_cannot_be_sealed_keeps_no_other_record_back(world: World) -> None:
    """It is left out and takes no number; the event and the neighbour's notice are made."""
    parts = world.nodes["kz"].core.parts
    work = Work(parts.store, parts.keys.country)
    work.to_inbox(agency("kz"), InboxKind.NOTICE, _fails)
    work.to_inbox(agency("kz"), InboxKind.EVENT, lambda: b"event")
    work.to_inbox(ngo("kz"), InboxKind.NOTICE, lambda: b"notice")
    work.finish(parts.workers, parts.audit_keys, lambda _topics: {})
    made = [(row.topic, InboxRecord.parse(row.value)) for row in work.changes.outgoing]
    assert [(topic, each.sequence, each.body) for topic, each in made] == [
        (inbox(agency("kz")), 1, b"event"),
        (inbox(ngo("kz")), 1, b"notice"),
    ]


def test_an_event_that_cannot_be_made_is_no_matter_of_one_member(world: World) -> None:
    """Nothing is written then: a record that was decided is never lost in silence."""
    parts = world.nodes["kz"].core.parts
    work = Work(parts.store, parts.keys.country)
    work.to_inbox(agency("kz"), InboxKind.EVENT, _fails)
    try:
        work.finish(parts.workers, parts.audit_keys, lambda _topics: {})
    except ValueError:
        assert work.changes.outgoing == []
    else:
        raise AssertionError("an event was left out")
    with parts.store.database.reading() as connection:
        assert read_inboxes(connection, [inbox(OrgId("kz-agency01"))]) == {}


def test_a_country_whose_inspector_has_no_key_does_not_stand_still(world: World) -> None:
    """All of them are revoked: a stop passes without an entry, and what discloses waits for the next key."""
    world.outbox("kz", world.event("one"))
    world.settle()
    before, logged = world.fed, len(world.audit("kz"))
    lost = world.fed.directory.organisations[inspector("kz")].kem_keys
    revoked = tuple(dataclasses.replace(key, revoked=True) for key in lost)
    world.fed = world.fed.changed(inspector("kz"), kem_keys=revoked)
    waits, stop = world.event("two"), world.withdrawal("one")
    world.outbox("kz", waits)
    world.outbox("kz", stop)
    world.settle()
    assert [notice.outcome for notice in world.notices(agency("kz"))][-2:] == [
        NoticeOutcome.HELD,
        NoticeOutcome.FORWARDED,
    ]
    assert world.events(ngo("uz"))[1:] == [stop]
    assert len(world.audit("kz")) == logged
    world.fed = world.fed.changed(inspector("kz"), kem_keys=before.directory.organisations[inspector("kz")].kem_keys)
    assert world.nodes["kz"].redecider.holds() == 1
    world.settle()
    assert world.events(ngo("uz"))[2:] == [waits]
    assert len(world.audit("kz")) > logged
