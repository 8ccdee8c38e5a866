"""A gate that confirms what is not its own to confirm: receipts and notices about the envelopes of others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.core.directory import OrgStatus
from refbus.core.ids import CountryCode, OrgId
from refbus.core.units import HOUR_MS
from refbus.crypto.framing import sha256
from refbus.envelope.stamps import Stamper
from refbus.wire.transport import BorderKind, BorderRecord, HopOutcome, HopReceipt, NoticeOutcome, Passed, StoppedRecord
from refbus_gate.decide.ingress import MOST_RELAYED
from refbus_gate.decide.receipts import relayed
from refbus_gate.decide.remembered import Answer
from support.directories import NOW_MS, agency, gate, ngo, second_ngo
from support.envelopes import NOW_HOUR, sealed
from support.gates import Node, World

KZ, UZ, KG = (CountryCode(code) for code in ("kz", "uz", "kg"))


@pytest.fixture
def three(tmp_path: Path) -> Iterator[World]:
    """Give three countries, of which kg is the hostile one."""
    made = World(tmp_path, ("kz", "uz", "kg"))
    yield made
    made.close()


def sent(world: World, name: str = "event") -> bytes:
    """Let an event of kz go to uz, whose gate has not read it yet."""
    raw = world.event(name)
    world.outbox("kz", raw)
    kz = world.nodes["kz"]
    kz.consume()
    kz.pump()
    return raw


def hop(world: World, raw: bytes, by: CountryCode = KG, outcome: HopOutcome = HopOutcome.TAKEN) -> bytes:
    """Return the receipt that the gate of `by` signs for the bytes of others."""
    signed = Stamper(world.fed.pairs[gate(by)], (KZ, by), NOW_MS // HOUR_MS).hop(sha256(raw), outcome).encode()
    return BorderRecord(BorderKind.HOP, signed).encode()


def refusals(node: Node) -> list[tuple[str, ...]]:
    """Return the codes of what a gate refused."""
    return [StoppedRecord.parse(each.value).codes for each in node.bus.records(f"{node.country}.refused")]


@pytest.mark.parametrize("outcome", HopOutcome)
def test_a_third_gates_receipt_ends_no_delivery(three: World, outcome: HopOutcome) -> None:
    """Its own, well signed, over its own border: the row waits on, the sender hears nothing, the operator does."""
    raw, kz = sent(three), three.nodes["kz"]
    kz.bus.put("kz.border.kg", hop(three, raw, outcome=outcome))
    kz.consume()
    assert len(kz.waiting("uz")) == 1
    assert three.crossings(agency("kz")) == []
    three.settle()
    assert refusals(kz) == [("NOT_A_PARTY",)]
    assert three.events(ngo("uz")) == [raw]
    (crossing,) = three.crossings(agency("kz"))
    assert HopReceipt.parse(crossing.receipt).to_country == UZ


def test_after_the_crossing_a_third_gate_confirms_nothing_either(three: World) -> None:
    """The destination is remembered with the decision, when no row waits any more."""
    raw = sent(three)
    three.settle()
    kz, before = three.nodes["kz"], len(three.all_notices(agency("kz")))
    kz.bus.put("kz.border.kg", hop(three, raw))
    kz.bus.put("kz.border.kg", relayed(sha256(raw), b"sealed"))
    three.settle()
    assert refusals(kz) == [("NOT_A_PARTY",), ("NOT_A_PARTY",)]
    assert len(three.inbox(agency("kz"))) == before


def test_no_gate_confirms_what_stays_in_the_country_or_never_left(three: World) -> None:
    """An event within kz, and one that kz refused: no foreign word about either reaches its sender."""
    here = second_ngo("kz")
    consent = three.consent(party=here, provisions=(three.provision(recipients=(here,), countries=("kz",)),))
    inside = sealed(three.fed, three.block(recipient=here, consent_record=consent))
    refused = three.event("refused", consent_record=None)
    for raw in (inside, refused):
        three.outbox("kz", raw)
    three.settle()
    kz, before = three.nodes["kz"], len(three.inbox(agency("kz")))
    for raw in (inside, refused):
        kz.bus.put("kz.border.uz", hop(three, raw, UZ))
        kz.bus.put("kz.border.uz", relayed(sha256(raw), b"sealed"))
    three.settle()
    assert refusals(kz)[1:] == [("NOT_A_PARTY",)] * 4
    assert len(three.inbox(agency("kz"))) == before


def test_no_notice_comes_back_about_what_came_in(three: World) -> None:
    """An envelope from uz is no envelope of ours: a notice about it is never put into a foreign inbox from here."""
    raw = sent(three)
    three.settle()
    uz = three.nodes["uz"]
    uz.bus.put("uz.border.kg", relayed(sha256(raw), b"sealed"))
    three.settle()
    assert refusals(uz) == [("NOT_A_PARTY",)]
    assert uz.waiting("uz") == []


def test_an_envelope_that_a_gate_sends_back_hides_none(three: World) -> None:
    """Whoever returns our bytes over a border does not take the place of what we know of them."""
    raw, kz = sent(three), three.nodes["kz"]
    for other in ("kg", "uz"):
        pair = three.fed.pairs[gate(other)]
        passed = Passed(raw, NOW_HOUR, CountryCode(other), KZ, pair.kid, bytes(64), None)
        kz.bus.put(f"kz.border.{other}", BorderRecord(BorderKind.PASSED, passed.encode()).encode())
    kz.consume()
    three.settle()
    (crossing,) = three.crossings(agency("kz"))
    assert crossing.envelope_sha256 == sha256(raw)
    assert kz.waiting("uz") == []


def test_the_sender_gets_the_other_gates_signature(three: World) -> None:
    """The notice of the crossing carries the bytes that the destination signed."""
    raw = sent(three)
    three.settle()
    (crossing,) = three.crossings(agency("kz"))
    (back,) = [BorderRecord.parse(each.value) for each in three.nodes["kz"].bus.records("kz.border.uz")]
    assert crossing.receipt == back.body
    assert crossing.envelope_sha256 == sha256(raw)


def test_a_gate_fills_no_inbox_with_notices_about_one_event(three: World) -> None:
    """What it seals nobody can judge on the way: so many reach the sender, across restarts too."""
    raw, kz = sent(three), three.nodes["kz"]
    before = len(three.inbox(agency("kz")))
    for number in range(MOST_RELAYED + 5):
        kz.bus.put("kz.border.uz", relayed(sha256(raw), b"junk %d" % number))
        if number == MOST_RELAYED // 2:
            kz.consume()
            kz.restart()
    kz.consume()
    kz.pump()
    assert len(three.inbox(agency("kz"))) == before + MOST_RELAYED
    assert refusals(kz) == [("TOO_MANY_EVENTS",)] * 5
    assert set(kz.balance().difference.values()) == {0}


def test_what_the_destination_puts_aside_is_told(three: World) -> None:
    """A quarantine over there ends the sending again, and the sender hears of it with that gate's signature."""
    raw, kz = sent(three), three.nodes["kz"]
    kz.bus.put("kz.border.uz", hop(three, raw, UZ, HopOutcome.QUARANTINED))
    kz.consume()
    kz.pump()
    told = three.all_notices(agency("kz"))[-1]
    assert (told.outcome, told.codes) == (NoticeOutcome.QUARANTINED, ("SET_ASIDE_THERE",))
    assert HopReceipt.parse(told.receipt).outcome is HopOutcome.QUARANTINED
    assert kz.waiting("uz") == []


def test_an_answer_of_the_first_release_is_still_read() -> None:
    """It names no destination; nothing else of it changes."""
    answer = Answer.parse(b'["FORWARDED",[],"kz-agency01",null,null,null,false]')
    assert (answer.told, answer.destination) == (OrgId("kz-agency01"), None)
    assert Answer.parse(answer.encode()) == answer


def test_what_the_destination_cannot_attribute_is_told_over_the_origin(three: World) -> None:
    """Stopped before its signature was verified there is nobody to write to: the receipt says so, and kz tells."""
    raw, uz = sent(three), three.nodes["uz"]
    three.fed = three.fed.changed(agency("kz"), status=OrgStatus.SUSPENDED)
    uz.consume()
    uz.pump()
    three.fed = three.fed.changed(agency("kz"), status=OrgStatus.ACTIVE)
    three.settle()
    assert refusals(uz) == [("ORGANISATION_SUSPENDED",)]
    told = three.all_notices(agency("kz"))[-1]
    assert (told.envelope_sha256, told.outcome) == (sha256(raw), NoticeOutcome.QUARANTINED)
