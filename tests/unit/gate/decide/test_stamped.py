"""A gate reads stamps and receipts of both versions, and writes the one that the other country's policy names."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from refbus.core.ids import ConsentId, CountryCode
from refbus.crypto.framing import sha256
from refbus.envelope.stamps import Stamper
from refbus.errors import Code, StoreError
from refbus.wire.transport import BorderKind, BorderRecord, HopOutcome, HopReceipt, InboxKind, Passed, StoppedRecord
from refbus_gate.decide.stamps import Stamps
from support.directories import agency, gate, ngo
from support.envelopes import NO_TREE, NOW_HOUR, fixed
from support.gates import Node, World

ROAD = (CountryCode("kz"), CountryCode("uz"))


def stamper(world: World, country: str) -> Stamper:
    """Return what the gate of a country signs with for what goes from kz to uz."""
    return Stamper(world.fed.pairs[gate(country)], ROAD, NOW_HOUR)


def border(made: Passed | HopReceipt) -> bytes:
    """Return the border record that carries a pass or a receipt."""
    kind = BorderKind.PASSED if isinstance(made, Passed) else BorderKind.HOP
    return BorderRecord(kind, made.encode()).encode()


def put(world: World, *made: Passed) -> None:
    """Let uz decide passes that kz wrote."""
    for each in made:
        world.nodes["uz"].bus.put("uz.border.kz", border(each))
    world.nodes["uz"].consume()
    world.nodes["uz"].pump()


def receipts(world: World) -> list[HopReceipt]:
    """Return the hop receipts that uz has sent to kz."""
    records = [BorderRecord.parse(each.value) for each in world.nodes["kz"].bus.records("kz.border.uz")]
    return [HopReceipt.parse(each.body) for each in records if each.kind is BorderKind.HOP]


def refused(world: World) -> list[tuple[str, ...]]:
    """Return the codes of what uz refused."""
    return [StoppedRecord.parse(each.value).codes for each in world.nodes["uz"].bus.records("uz.refused")]


def test_an_event_enters_with_a_stamp_of_either_version(world: World) -> None:
    """During a change-over both come, and each is answered."""
    raws = [world.event(name) for name in ("one", "two", "three", "four")]
    kz = stamper(world, "kz")
    put(world, kz.passed(raws[0]), *kz.passes(raws[1:]))
    assert world.events(ngo("uz")) == raws
    assert {each.envelope_sha256 for each in receipts(world)} == {sha256(raw) for raw in raws}


def test_an_event_whose_stamp_was_made_into_another_does_not_enter(world: World) -> None:
    """Stripped to version 1, with a neighbour's place, with the root of another batch: PASS_INVALID, and no receipt."""
    raws = [world.event(name) for name in ("one", "two", "three")]
    one, two, three = stamper(world, "kz").passes(raws)
    (other,) = stamper(world, "kz").passes([raws[2]])
    put(
        world,
        dataclasses.replace(one, **NO_TREE),
        dataclasses.replace(two, index=one.index, path=one.path),
        dataclasses.replace(three, ed25519=other.ed25519, mldsa65=other.mldsa65),
    )
    assert refused(world) == [("PASS_INVALID",)] * 3
    assert (world.events(ngo("uz")), receipts(world)) == ([], [])
    put(world, one, two, three)
    assert world.events(ngo("uz")) == raws, "the honest ones arrive all the same"


def test_a_stamp_of_an_unknown_version_is_put_aside_and_not_signed_for(world: World) -> None:
    """UNSUPPORTED_VERSION: the operator sees it, and the gate of origin still waits for a receipt."""
    (made,) = stamper(world, "kz").passes([world.event()])
    put(world, dataclasses.replace(made, version=3))
    records = world.nodes["uz"].bus.records("uz.quarantine")
    assert [StoppedRecord.parse(each.value).codes for each in records] == [("UNSUPPORTED_VERSION",)]
    assert receipts(world) == []


@pytest.mark.parametrize("batch", [False, True], ids=["alone", "in a batch"])
def test_a_receipt_of_either_version_ends_a_delivery(world: World, batch: bool) -> None:
    """And the sender gets it as it was signed."""
    raw, kz = world.event(), world.nodes["kz"]
    world.outbox("kz", raw)
    kz.consume()
    kz.pump()
    uz, said = stamper(world, "uz"), (sha256(raw), HopOutcome.TAKEN)
    receipt = uz.hops([(bytes(32), HopOutcome.TAKEN), said])[1] if batch else uz.hop(*said)
    false = dataclasses.replace(receipt, outcome=HopOutcome.QUARANTINED)
    kz.bus.put("kz.border.uz", border(false))
    kz.consume()
    assert len(kz.waiting("uz")) == 1, "a false one ends nothing"
    kz.bus.put("kz.border.uz", border(receipt))
    kz.consume()
    kz.pump()
    assert kz.waiting("uz") == []
    assert [each.receipt for each in world.crossings(agency("kz"))] == [receipt.encode()]


def passes(node: Node, country: str) -> list[Passed]:
    """Return what a gate has ready for another country."""
    return [Passed.parse(BorderRecord.parse(each.value).body) for each in node.waiting(country)]


def to(world: World, country: str, name: str = "event") -> bytes:
    """Return an event for the shelter of a country, with the consent that it needs."""
    allowed = world.provision(recipients=(ngo(country),), countries=(CountryCode(country),))
    consent_id = ConsentId(fixed(f"consent {name}"))
    consent = world.consent(consent_id=consent_id, party=ngo(country), provisions=(allowed,))
    return world.event(name, recipient=ngo(country), consent_record=consent)


def reads(world: World, country: str, version: int) -> None:
    """Let a country's policy say from now on which stamps it reads."""
    world.fed = world.fed.with_policy(country, stamps=version)


def test_what_leaves_in_a_batch_has_one_signature(world: World) -> None:
    """Five events, five passes under one root; what uz takes in one batch it signs for once."""
    raws = [world.event(f"event {number}") for number in range(5)]
    for raw in raws:
        world.outbox("kz", raw)
    kz = world.nodes["kz"]
    kz.consume()
    made = passes(kz, "uz")
    assert {each.envelope for each in made} == set(raws)
    assert {(each.version, each.size) for each in made} == {(2, 5)}
    assert (len({each.mldsa65 for each in made}), sorted(each.index for each in made)) == (1, [0, 1, 2, 3, 4])
    world.settle()
    assert sorted(world.events(ngo("uz"))) == sorted(raws)
    assert {(each.version, each.ed25519) for each in receipts(world)} == {(2, receipts(world)[0].ed25519)}
    assert len(world.crossings(agency("kz"))) == 5


def test_each_country_gets_a_tree_of_its_own(tmp_path: Path) -> None:
    """No country learns from a tree how much another gets; a country that reads version 1 gets that."""
    world = World(tmp_path, ("kg", "kz", "tm", "uz"))
    reads(world, "tm", 1)
    kz = world.nodes["kz"]
    for number, country in enumerate(("uz", "kg", "uz", "tm", "uz", "kg")):
        world.outbox("kz", to(world, country, f"event {number}"))
    kz.consume()
    sizes = {country: [(each.version, each.size) for each in passes(kz, country)] for country in ("kg", "tm", "uz")}
    assert sizes == {"kg": [(2, 2)] * 2, "tm": [(1, 0)], "uz": [(2, 3)] * 3}
    assert passes(kz, "kg")[0].ed25519 != passes(kz, "uz")[0].ed25519
    world.settle()
    assert [len(world.events(ngo(country))) for country in ("kg", "tm", "uz")] == [2, 1, 3]
    world.close()


def test_a_country_is_answered_in_what_it_reads(world: World) -> None:
    """Passes follow the policy of the destination, receipts that of the origin."""
    reads(world, "kz", 1)
    world.outbox("kz", world.event())
    world.nodes["kz"].consume()
    assert [each.version for each in passes(world.nodes["kz"], "uz")] == [2]
    world.settle()
    assert [each.version for each in receipts(world)] == [1]
    assert len(world.crossings(agency("kz"))) == 1


def test_a_federation_changes_over_while_events_are_under_way(world: World) -> None:
    """What was stamped before a policy changed stays valid, there and back."""
    for name, version in (("one", 1), ("two", 2), ("three", 1)):
        reads(world, "uz", version)
        world.outbox("kz", world.event(name))
        world.nodes["kz"].consume()
    assert [each.version for each in passes(world.nodes["kz"], "uz")] == [1, 2, 1]
    world.settle()
    assert len(world.events(ngo("uz"))) == len(world.crossings(agency("kz"))) == 3


def test_an_event_that_stays_in_the_country_has_no_stamp(world: World) -> None:
    """One gate: nothing is signed for a border, and no receipt goes back."""
    world.outbox("kz", to(world, "kz"))
    world.settle()
    assert len(world.events(ngo("kz"))) == 1
    assert (passes(world.nodes["kz"], "uz"), receipts(world)) == ([], [])


def test_a_gate_that_dies_between_signing_and_committing_signs_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the first tree left; the same events leave in another one, each once."""
    raws = [world.event(f"event {number}") for number in range(3)]
    for raw in raws:
        world.outbox("kz", raw)
    kz, sign, signed = world.nodes["kz"], Stamps.sign, list[int]()

    def dies(stamps: Stamps) -> None:
        sign(stamps)
        signed.append(1)
        raise StoreError(Code.STORE_FAILED, "killed")

    with monkeypatch.context() as patch:
        patch.setattr(Stamps, "sign", dies)
        with pytest.raises(StoreError):
            kz.consume()
    assert (signed[:1], kz.waiting("uz")) == ([1], [])
    world.outbox("kz", world.event("event 3"))
    kz.restart()
    world.settle()
    assert [each.size for each in seen(world)] == [4] * 4
    assert sorted(world.events(ngo("uz"))[:3]) == sorted(raws)
    assert len(world.events(ngo("uz"))) == len(world.crossings(agency("kz"))) == 4
    assert set(kz.balance().difference.values()) == {0}


def seen(world: World) -> list[Passed]:
    """Return the passes that uz has got."""
    return [Passed.parse(BorderRecord.parse(each.value).body) for each in world.nodes["uz"].bus.records("uz.border.kz")]


def test_a_notice_with_a_receipt_of_a_batch_looks_like_every_other(world: World) -> None:
    """In an inbox nobody sees which notice brings such a receipt, nor of how large a batch."""
    for number in range(3):
        world.outbox("kz", world.event(f"event {number}"))
    world.settle()
    world.outbox("kz", world.event("event 3"))
    world.settle()
    world.nodes["kz"].upkeep.heartbeats()
    world.settle()
    notices = world.all_notices(agency("kz"))
    assert {HopReceipt.parse(each.receipt).version for each in notices if each.receipt} == {2}
    assert {each.outcome for each in notices} == {"FORWARDED", "TAKEN", ""}
    bodies = [each.body for each in world.inbox(agency("kz")) if each.kind is InboxKind.NOTICE]
    assert len({len(each) for each in bodies}) == 1
