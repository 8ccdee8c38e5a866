"""A member with valid keys that turns what it may rightly send against others of the same case or referral."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from refbus.core.consent.chain import MOST_MARKS
from refbus.core.consent.denials import denies
from refbus.core.consent.record import ConsentState, Withdrawal
from refbus.core.gate.passage import Outcome
from refbus.core.gate.verdicts import MarkWithdrawn, NoteAnswer, Point
from refbus.core.ids import ConsentId, CountryCode
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import DataCategory, EventType
from refbus.crypto.framing import sha256
from refbus.envelope.consent import EvidenceCache
from refbus.envelope.stamps import Stamper
from refbus.node.store.holds import drop
from refbus.node.store.reads import read_facts
from refbus.node.store.rows import Dropped
from refbus.node.store.tables import dropped, fact, record
from refbus.wire.consent import encode_record
from refbus.wire.transport import BorderKind, BorderRecord, HopOutcome, NoticeOutcome
from refbus_gate.decide import repeats as module
from refbus_gate.decide.effects import KEEP_RECORD_MS
from refbus_gate.decide.ingress import MOST_RELAYED
from refbus_gate.decide.remembered import decode_denials, encode_denials
from refbus_gate.decide.repeats import FREE, PAUSE_MS, Repeats
from refbus_gate.decide.state import DENIAL, RELAYED, View
from support.consents import consent_record, signed_bytes, withdrawn
from support.directories import agency, gate, ngo, second_ngo
from support.envelopes import fixed
from support.gates import Node, World


def test_nobody_holds_up_the_events_of_others_in_a_case(world: World) -> None:
    """Whoever knows its handle and sends an event from the future in it waits alone: a stop of others goes on."""
    world.outbox("kz", world.event("one"))
    world.settle()
    hostile = second_ngo("kz")
    ahead = world.now_ms + 100 * HOUR_MS
    case = {"case_handle": fixed("case one", 32), "referral_id": fixed("another referral")}
    world.outbox("kz", world.event("hostile", sender=hostile, occurred_at_ms=ahead, respond_by_ms=None, **case))
    world.settle()
    same = {"referral_id": fixed("referral one"), "case_handle": fixed("case one", 32), "previous": fixed("one")}
    stop = world.event("stop", event_type=EventType.REFERRAL_CANCELLED, data_categories=(), respond_by_ms=None, **same)
    world.outbox("kz", stop)
    world.settle()
    assert world.notices(hostile)[-1].outcome is NoticeOutcome.HELD
    assert world.events(ngo("uz"))[-1] == stop


def test_no_event_takes_the_place_of_the_other_partys(world: World) -> None:
    """Under the id of a cancellation the other side sends something else: it is refused, and the stop stands."""
    world.outbox("kz", world.event("one"))
    same = {"referral_id": fixed("referral one"), "case_handle": fixed("case one", 32), "previous": fixed("one")}
    stop = world.event("stop", event_type=EventType.REFERRAL_CANCELLED, data_categories=(), respond_by_ms=None, **same)
    world.outbox("kz", stop)
    world.settle()
    before = world.events(agency("kz"))
    forged = world.answer("one", EventType.INFORMATION_REQUESTED, event_id=fixed("stop"))
    world.outbox("uz", forged)
    world.settle()
    assert world.notices(ngo("uz"))[-1].codes == ("EVENT_ID_REUSED",)
    assert world.events(agency("kz")) == before


def test_withdrawals_without_end_take_bounded_room_and_stop_all_the_same(world: World) -> None:
    """One organisation signs a thousand, each other than all; every record that one of them stopped stays stopped."""
    node = world.nodes["kz"]
    view = View(node.store, node.country, Point.EGRESS, [])
    record = consent_record(version=1_000)
    made = [
        Withdrawal(record.consent_id, record.collected_by, number, record.event_time_ms - number)
        for number in range(1, 1_001)
    ]
    theirs = Withdrawal(record.consent_id, ngo("uz"), 2, record.event_time_ms)
    for each in (theirs, *made):
        view.apply(MarkWithdrawn(each))
    marks = view.consent(ConsentId(record.consent_id)).withdrawals
    assert theirs in marks
    assert len(marks) <= MOST_MARKS + 1
    assert any(each.closes(record) for each in marks if each != theirs)


def test_refusals_without_end_about_one_person_take_bounded_room(world: World) -> None:
    """A member refuses a thousand times in the person's name: the value stays small, and the person's own no stands."""
    node = world.nodes["kz"]
    view = View(node.store, node.country, Point.EGRESS, [])
    record = consent_record(state=ConsentState.REFUSED, provisions=())
    view.apply(NoteAnswer(record, agency("kz")))
    for number in range(1_000):
        junk = replace(record, consent_id=ConsentId(number.to_bytes(16, "big")), party=second_ngo("kz"))
        view.apply(NoteAnswer(junk, second_ngo("kz")))
    known = view.denials(record.subject_ref)
    assert len(encode_denials(known)) < 32_000
    assert decode_denials(encode_denials(known)) == known
    assert denies(known, record.party, frozenset(DataCategory), world.now_ms)


def test_refusals_that_an_earlier_release_kept_still_stand(world: World) -> None:
    """It kept whole records without their signer."""
    record = consent_record(state=ConsentState.REFUSED, provisions=())
    old = json.dumps([[encode_record(record).hex()], [encode_record(withdrawn(consent_record())).hex()]]).encode()
    known = decode_denials(old)
    assert len(known.said) == 2
    assert denies(known, record.party, frozenset(DataCategory), world.now_ms)


def test_nobody_fills_the_inbox_of_a_sender_by_repeating_its_events(world: World) -> None:
    """A recipient writes the envelope that it got into the outbox again and again: some are answered, then few."""
    raw = world.event("one")
    world.outbox("kz", raw)
    world.settle()
    before = len(world.inbox(agency("kz")))
    for _ in range(40):
        world.outbox("kz", raw)
    world.settle()
    assert len(world.inbox(agency("kz"))) == before + FREE
    assert set(world.nodes["kz"].balance().difference.values()) == {0}


def test_repeats_and_receipts_are_counted_and_leave_no_rows(world: World) -> None:
    """A hundred repeats of an event, at each gate, and of a hop receipt: no row more, few entries, few answers."""
    kz, uz = world.nodes["kz"], world.nodes["uz"]
    raw = world.event("one")
    world.outbox("kz", raw)
    world.settle()
    passed, receipt = uz.bus.records("uz.border.kz")[-1].value, kz.bus.records("kz.border.uz")[-1].value
    before = [(rows(node), len(world.audit(node.country)), len(sent(node))) for node in (kz, uz)]
    for _ in range(100):
        world.outbox("kz", raw)
        uz.bus.put("uz.border.kz", passed)
        kz.bus.put("kz.border.uz", receipt)
    world.settle()
    for node, (records, entries, answers) in zip((kz, uz), before, strict=True):
        assert rows(node) == records
        assert len(world.audit(node.country)) == entries + FREE
        assert len(sent(node)) <= answers + 100 + FREE  # the hundred that the test wrote
        assert set(node.balance().difference.values()) == {0}
    assert kz.balance().total(Outcome.DUPLICATE) == uz.balance().total(Outcome.DUPLICATE) == 100
    world.outbox("kz", world.withdrawal("one"))
    world.settle()
    assert len(world.events(ngo("uz"))) == 2


def test_repeats_of_many_records_leave_few_audit_entries(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit log has a bound for all repeats together; every one is counted and the first of each answered."""
    kz = world.nodes["kz"]
    monkeypatch.setattr(module, "LOGGED", (3, 30.0))
    kz.restart()
    raws = [world.event(f"event {number}") for number in range(6)]
    for raw in (*raws, *raws):
        world.outbox("kz", raw)
    world.settle()
    assert len(world.audit("kz")) == 6 + 3
    assert len(world.notices(agency("kz"))) == 12


def test_the_same_bytes_under_a_used_id_are_known_again(world: World) -> None:
    """Another event under an id that is taken is a row, an entry and a notice once; repeated it is a repeat."""
    world.outbox("kz", world.event("one"))
    other = world.event("two", event_id=fixed("one"))
    for _ in range(50):
        world.outbox("kz", other)
    world.settle()
    kz = world.nodes["kz"]
    assert rows(kz) == 2
    assert len(world.notices(agency("kz"))) == 2 + FREE
    assert {each.codes for each in world.notices(agency("kz"))[1:]} == {("EVENT_ID_REUSED",)}


def test_refusals_of_one_sender_without_end_are_counted_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its bound nothing of them is kept, told or logged; others, its stops and every no count as always."""
    kz, hostile = world.nodes["kz"], second_ngo("kz")
    monkeypatch.setattr(module, "REFUSED", (3, 3_600.0))
    kz.restart()
    world.outbox("kz", world.event("one"))
    for number in range(40):
        world.outbox("kz", world.event(f"no {number}", sender=hostile, consent_record=None))
    refusal = consent_record(state=ConsentState.REFUSED, provisions=(), collected_by=hostile)
    signed = signed_bytes(world.fed, refusal, signer=hostile)
    world.outbox("kz", world.event("refused", sender=hostile, consent_record=signed))
    world.outbox("kz", world.event("honest no", consent_record=None))
    world.outbox("kz", world.withdrawal("one"))
    world.settle()
    assert len(world.notices(hostile)) == 3
    assert world.notices(agency("kz"))[1].codes == ("NO_CONSENT",)
    assert len(world.events(ngo("uz"))) == 2
    assert rows(kz) == 3 + 3
    assert kz.balance().total(Outcome.REFUSED) == 42
    assert set(kz.balance().difference.values()) == {0}
    view = View(kz.store, kz.country, Point.EGRESS, [])
    with kz.store.database.reading() as connection:
        known = read_facts(connection, kz.store, [(DENIAL, view.key(DENIAL, refusal.subject_ref))])
    (fact,) = known.values()
    assert fact is not None
    assert denies(decode_denials(fact.value), refusal.party, frozenset(DataCategory), world.now_ms)


def put_aside(world: World, digest: bytes, at_ms: int) -> bytes:
    """Return the border record by which uz says that it put aside what kz sent."""
    stamper = Stamper(world.fed.pairs[gate("uz")], (CountryCode("kz"), CountryCode("uz")), at_ms // HOUR_MS)
    return BorderRecord(BorderKind.HOP, stamper.hop(digest, HopOutcome.QUARANTINED).encode()).encode()


def test_a_gate_fills_no_inbox_by_saying_again_that_it_put_an_event_aside(world: World) -> None:
    """Each receipt differs by its hour; the sender is told so often and no more."""
    world.outbox("kz", world.event("one"))
    world.settle()
    kz, before = world.nodes["kz"], len(world.inbox(agency("kz")))
    digest = sha256(world.nodes["kz"].bus.records("kz.outbox")[-1].value)
    for hour in range(MOST_RELAYED + 20):
        kz.bus.put("kz.border.uz", put_aside(world, digest, world.now_ms + hour * HOUR_MS))
    world.settle()
    assert len(world.inbox(agency("kz"))) == before + MOST_RELAYED
    assert rows(kz) == 1


def test_large_consent_records_take_bounded_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of checked records is bounded in bytes; each is still answered."""
    signed = [world.consent(consent_id=ConsentId(number.to_bytes(16, "big"))) for number in range(20)]
    monkeypatch.setattr(EvidenceCache, "MOST_BYTES", 3 * len(signed[0]))
    cache = EvidenceCache()
    for data in signed:
        assert cache.evidence_of(data, world.fed.directory).signature_ok
        assert cache.size <= EvidenceCache.MOST_BYTES


def test_what_was_relayed_and_dropped_is_forgotten_with_the_event(world: World) -> None:
    """Counts of another gate's words, and ranges of what had no room, go with the rows of their time."""
    kz = world.nodes["kz"]
    world.outbox("kz", world.event("one"))
    world.settle()
    digest = sha256(kz.bus.records("kz.outbox")[-1].value)
    for at_ms in (world.now_ms, world.now_ms + HOUR_MS):
        kz.bus.put("kz.border.uz", put_aside(world, digest, at_ms))
    world.settle()
    with kz.store.database.writing() as connection:
        drop(connection, [Dropped("kz.outbox", 7, Outcome.REFUSED, 10)], world.now_ms)
    world.now_ms += KEEP_RECORD_MS + HOUR_MS
    kz.upkeep.forget()
    with kz.store.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(dropped)).scalar_one() == 0
        assert connection.execute(select(fact.c.kind).where(fact.c.kind == RELAYED)).all() == []
        assert connection.execute(select(fact.c.kind)).all()


def rows(node: Node) -> int:
    """Return how many records have a row."""
    with node.store.database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(record)).scalar_one())


def sent(node: Node) -> list[bytes]:
    """Return what the other country's gate was sent by this one."""
    other = next(each for each in node.world.countries if each != node.country)
    return [each.value for each in node.world.nodes[other].bus.records(f"{other}.border.{node.country}")]


def test_a_gateway_that_asks_rarely_is_always_answered() -> None:
    """After a pause a repeat is answered again, whatever others repeated meanwhile."""
    now_ms = [0]
    repeats = Repeats(lambda: now_ms[0])
    assert [repeats.may_answer(b"one") for _ in range(FREE + 2)] == [True] * FREE + [False] * 2
    assert repeats.may_answer(b"another")
    for _ in range(3):
        now_ms[0] += PAUSE_MS
        assert [repeats.may_answer(b"one") for _ in range(3)] == [True, False, False]
