"""The road of one event through two gates, on buses in memory."""

from __future__ import annotations

import pytest

from refbus.audit import AuditOutcome, Stage, open_entry
from refbus.audit.statement import Statement
from refbus.core.gate.passage import Outcome
from refbus.core.vocabulary import Action, DataCategory, EventType
from refbus.crypto.framing import sha256
from refbus.node.store import outgoing
from refbus.wire.transport import BorderKind, BorderRecord, HopReceipt, InboxKind, NoticeKind, NoticeOutcome, Passed
from support.directories import agency, gate, inspector, ngo, second_ngo
from support.envelopes import fixed, sealed
from support.gates import World

pytestmark = pytest.mark.both_stores


def test_an_event_crosses_the_border(world: World) -> None:
    """The recipient gets the exact bytes, the sender a receipt, and both accounts balance."""
    raw = world.event()
    world.outbox("kz", raw)
    world.settle()
    assert world.events(ngo("uz")) == [raw]
    (receipt,) = world.notices(agency("kz"))
    assert (receipt.kind, receipt.outcome, receipt.envelope_sha256) == (
        NoticeKind.RECEIPT,
        NoticeOutcome.FORWARDED,
        sha256(raw),
    )
    (crossing,) = world.crossings(agency("kz"))
    assert (crossing.kind, crossing.from_gate, crossing.envelope_sha256) == (
        NoticeKind.RECEIPT,
        gate("kz"),
        sha256(raw),
    )
    for node in world.nodes.values():
        assert set(node.balance().difference.values()) == {0}


def test_the_border_record_is_stamped_and_answered(world: World) -> None:
    """What crosses is the sender's bytes in a Passed; what comes back names them and both countries."""
    raw = world.event()
    world.outbox("kz", raw)
    world.settle()
    (there,) = [BorderRecord.parse(each.value) for each in world.nodes["uz"].bus.records("uz.border.kz")]
    passed = Passed.parse(there.body)
    assert (passed.envelope, passed.from_country, passed.to_country) == (raw, "kz", "uz")
    (back,) = [BorderRecord.parse(each.value) for each in world.nodes["kz"].bus.records("kz.border.uz")]
    assert back.kind is BorderKind.HOP
    hop = HopReceipt.parse(back.body)
    assert (hop.envelope_sha256, hop.from_country, hop.to_country, hop.outcome) == (sha256(raw), "kz", "uz", "TAKEN")


def test_a_row_waits_for_the_hop_receipt(world: World) -> None:
    """After the broker's report the event is kept until the destination's gate has signed for it."""
    world.outbox("kz", world.event())
    kz = world.nodes["kz"]
    kz.consume()
    kz.pump()
    with kz.store.database.reading() as connection:
        assert outgoing.waiting(connection)[1][0] == 1
    world.settle()
    with kz.store.database.reading() as connection:
        assert outgoing.waiting(connection) == ({}, (0, None))


def test_without_a_receipt_the_event_is_sent_again(world: World) -> None:
    """Lost by the destination's broker, the same bytes go out again and arrive once."""
    raw = world.event()
    world.outbox("kz", raw)
    kz, uz = world.nodes["kz"], world.nodes["uz"]
    kz.consume()
    kz.pump()
    uz.bus.recreate_topic("uz.border.kz")
    world.now_ms += 60_000
    kz.pump()
    uz.restart_reading("uz.border.kz")
    world.settle()
    assert world.events(ngo("uz")) == [raw]


def test_within_a_country_the_event_goes_straight_to_the_inbox(world: World) -> None:
    """A recipient in the sender's country gets it from its own gate; no border topic is touched."""
    here = second_ngo("kz")
    consent = world.consent(party=here, provisions=(world.provision(recipients=(here,), countries=("kz",)),))
    raw = sealed(world.fed, world.block(recipient=here, consent_record=consent))
    world.outbox("kz", raw)
    world.settle()
    assert world.events(here) == [raw]
    assert not world.nodes["uz"].bus.records("uz.border.kz")


def test_the_answer_takes_the_same_road_back(world: World) -> None:
    """The party accepts under the same consent record, and the collector gets it."""
    world.outbox("kz", world.event("one"))
    world.settle()
    answer = world.answer("one", EventType.REFERRAL_ACCEPTED)
    world.outbox("uz", answer)
    world.settle()
    assert world.events(agency("kz")) == [answer]


def test_every_decision_leaves_an_audit_entry(world: World) -> None:
    """Both gates commit to what they decided, sealed to their own inspector."""
    world.outbox("kz", world.event())
    world.settle()
    for country, stage in (("kz", Stage.EGRESS), ("uz", Stage.INGRESS)):
        (entry,) = world.audit(country)
        record = open_entry(entry, [world.fed.kems[inspector(country)]])
        assert (record.stage, record.outcome, record.event_id) == (stage, AuditOutcome.FORWARDED, fixed("event"))


def test_inbox_records_are_numbered_from_one(world: World) -> None:
    """Events and notices of one inbox share one sequence without holes."""
    for name in ("a", "b", "c"):
        world.outbox("kz", world.event(name))
    world.settle()
    assert [each.sequence for each in world.inbox(ngo("uz"))] == [1, 2, 3]
    assert [each.kind for each in world.inbox(agency("kz"))] == [InboxKind.NOTICE] * 6


def test_a_withdrawal_overtakes_what_comes_later(world: World) -> None:
    """Withdrawn, then sent: the second is refused at the sender's own gate, by order of the log."""
    world.outbox("kz", world.event("one"))
    world.settle()
    world.outbox("kz", world.withdrawal("one"))
    world.outbox("kz", world.event("two", case_handle=fixed("case one", 32)))
    world.settle()
    refusal = world.notices(agency("kz"))[-1]
    assert (refusal.kind, "WITHDRAWN" in refusal.codes) == (NoticeKind.REFUSAL, True)
    assert len(world.events(ngo("uz"))) == 2  # the request and the withdrawal


@pytest.mark.parametrize("country", ["kz", "uz"])
def test_restarts_anywhere_change_nothing(world: World, country: str) -> None:
    """A gate that is killed after each step delivers each event once."""
    raws = [world.event(name) for name in ("a", "b")]
    for raw in raws:
        world.outbox("kz", raw)
        world.nodes[country].restart()
        world.nodes["kz"].consume()
        world.nodes[country].restart()
        world.nodes["kz"].pump()
        world.nodes[country].restart()
    world.settle()
    assert world.events(ngo("uz")) == raws
    assert world.nodes["kz"].balance().total(Outcome.DUPLICATE) == 0


@pytest.mark.in_files
def test_nothing_of_an_event_is_readable_in_the_store(world: World) -> None:
    """Ids, organisations and envelopes are not in the database files in the clear."""
    raw = world.event()
    world.outbox("kz", raw)
    world.nodes["kz"].consume()
    world.nodes["kz"].store.close()
    content = b"".join(path.read_bytes() for path in world.nodes["kz"].folder.glob("node.db*"))
    for secret in (fixed("event"), fixed("referral event"), fixed("case event", 32), raw[200:400]):
        assert secret not in content
        assert secret.hex().encode() not in content
    world.nodes["kz"].audit_keys.close()
    world.nodes["kz"].open()


def test_the_action_is_what_consent_is_asked_for(world: World) -> None:
    """A disclosure of a category that the record withholds is refused with its code."""
    raw = world.event(data_categories=(DataCategory.HEALTH,), actions=(Action.DISCLOSE,))
    world.outbox("kz", raw)
    world.settle()
    (refusal,) = world.notices(agency("kz"))
    assert "CATEGORY_NOT_COVERED" in refusal.codes


def test_a_receipt_brings_what_the_gate_logged(world: World) -> None:
    """The sender gets the statement behind the gate's own leaf, once; a repeat and a crossing bring none."""
    raw = world.event()
    world.outbox("kz", raw)
    world.settle()
    (receipt,) = world.notices(agency("kz"))
    statement = Statement.parse(receipt.statement)
    assert statement.leaf in [entry.leaf for entry in world.audit("kz")]
    record = statement.record
    assert (record.writer, record.stage, record.outcome) == (gate("kz"), Stage.EGRESS, AuditOutcome.FORWARDED)
    assert (record.decision_id, record.message_sha256) == (receipt.decision_id, sha256(raw))
    (crossing,) = world.crossings(agency("kz"))
    assert crossing.statement == b""
    world.outbox("kz", raw)
    world.settle()
    assert [bool(each.statement) for each in world.notices(agency("kz"))] == [True, False]
