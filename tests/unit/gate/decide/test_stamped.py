"""A gate reads stamps and receipts of both versions, and writes the one that the other country's policy names."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.ids import CountryCode
from refbus.crypto.framing import sha256
from refbus.envelope.stamps import Stamper
from refbus.wire.transport import BorderKind, BorderRecord, HopOutcome, HopReceipt, Passed, StoppedRecord
from support.directories import agency, gate, ngo
from support.envelopes import NOW_HOUR
from support.gates import World

ROAD = (CountryCode("kz"), CountryCode("uz"))
NO_TREE: dict[str, Any] = {"version": 1, "salt": b"", "index": 0, "size": 0, "path": b""}


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
