"""How much of one sender may wait: what happens beyond it, to that sender and to the others."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from refbus.core.gate.passage import Outcome
from refbus.core.units import HOUR_MS
from refbus.node.store.tables import dropped, hold, quarantine, record
from refbus.wire.transport import NoticeKind, NoticeOutcome
from refbus_gate.decide import quotas
from refbus_gate.decide.quotas import Quota, fullest
from refbus_gate.orders.waiting import lines
from support.directories import agency, ngo
from support.envelopes import fixed, forged, header_of, sealed
from support.gates import World

ROOMY = 1 << 30
FLOODER = ngo("kz")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three records of a sender wait, and three of a topic; two stopped ones are kept."""
    for kind in ("sender", "topic"):
        monkeypatch.setitem(quotas._BY_KIND, kind, Quota(3, ROOMY))
    monkeypatch.setattr(quotas, "KEPT", Quota(2, ROOMY))


def ahead(world: World, name: str) -> bytes:
    """Return an event of the flooder that is dated an hour ahead."""
    return world.event(name, sender=FLOODER, occurred_at_ms=world.now_ms + HOUR_MS, respond_by_ms=None)


def is_balanced(world: World) -> bool:
    """Return whether every record of kz is accounted for."""
    return set(world.nodes["kz"].balance().difference.values()) == {0}


def test_beyond_its_quota_a_sender_is_told_and_others_are_not_concerned(world: World) -> None:
    """The fourth and fifth are refused with TOO_MANY_WAITING; another sender's event waits as always."""
    for number in range(5):
        world.outbox("kz", ahead(world, f"flood {number}"))
    world.outbox("kz", world.event("honest", occurred_at_ms=world.now_ms + HOUR_MS, respond_by_ms=None))
    world.settle()
    told = [(each.outcome, each.codes) for each in world.notices(FLOODER)]
    held, refused = (NoticeOutcome.HELD, ("CLOCK_SKEW",)), (NoticeOutcome.REFUSED, ("TOO_MANY_WAITING",))
    assert told == [held] * 3 + [refused] * 2
    assert [each.outcome for each in world.notices(agency("kz"))] == [NoticeOutcome.HELD]
    assert is_balanced(world)


def test_what_was_refused_for_want_of_room_passes_when_there_is_room(world: World) -> None:
    """Sealed again, it is the same event and goes its way: nothing of an honest sender is lost."""
    later = world.now_ms + HOUR_MS
    for number in range(4):
        world.outbox("kz", world.event(f"late {number}", occurred_at_ms=later, respond_by_ms=None))
    world.settle()
    assert world.notices(agency("kz"))[-1].codes == ("TOO_MANY_WAITING",)
    world.now_ms = later
    world.nodes["kz"].redecider.holds()
    world.outbox("kz", world.event("late 3", occurred_at_ms=later, respond_by_ms=None))
    world.settle()
    assert len(world.events(ngo("uz"))) == 4


def test_bytes_count_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One event that fills the room leaves none for a second."""
    first = ahead(world, "first")
    monkeypatch.setitem(quotas._BY_KIND, "sender", Quota(1_000, len(first)))
    for raw in (first, ahead(world, "second")):
        world.outbox("kz", raw)
    world.settle()
    assert [each.outcome for each in world.notices(FLOODER)] == [NoticeOutcome.HELD, NoticeOutcome.REFUSED]


def test_a_withdrawal_takes_no_room_and_needs_none(world: World) -> None:
    """However much of its sender waits, it goes at once; one that waits for the directory waits beside the others."""
    world.outbox("kz", world.event("one"))
    world.settle()
    later = world.now_ms + HOUR_MS
    for number in range(5):
        world.outbox("kz", world.event(f"late {number}", occurred_at_ms=later, respond_by_ms=None))
    newer = world.block("later stop", event_type="ReferralCancelled", data_categories=())
    world.outbox("kz", sealed(world.fed, newer, directory_version=2))
    gone = world.withdrawal("one")
    world.outbox("kz", gone)
    world.settle()
    assert world.events(ngo("uz"))[-1] == gone
    assert world.outcome("kz", 6) == ("HELD", "DIRECTORY_NEWER")


def test_who_names_a_newer_directory_has_its_own_room_when_its_key_is_known(world: World) -> None:
    """The signature is checked with the key that is known: a flood of it leaves the others' room alone."""
    for number in range(5):
        world.outbox("kz", sealed(world.fed, world.block(f"flood {number}", sender=FLOODER), directory_version=9))
    world.outbox("kz", sealed(world.fed, world.block("honest"), directory_version=2))
    world.settle()
    assert [each.codes for each in world.notices(FLOODER)][3:] == [("TOO_MANY_WAITING",)] * 2
    assert [each.codes for each in world.notices(agency("kz"))] == [("DIRECTORY_NEWER",)]


def test_a_forged_claim_takes_nobody_s_room(world: World) -> None:
    """An envelope that names a member and is not signed by it counts against the topic."""
    other = world.fed.pairs[agency("uz")]
    for number in range(5):
        header = header_of(world.fed, directory_version=9, message_id=fixed(f"forged {number}"))
        world.outbox("kz", forged(world.fed, header=header, block=world.block(f"forged {number}"), signer=other))
    world.outbox("kz", sealed(world.fed, world.block("honest"), directory_version=2))
    world.settle()
    assert [world.outcome("kz", offset) for offset in range(6)] == [
        *[("HELD", "DIRECTORY_NEWER")] * 3,
        *[("", "")] * 2,
        ("HELD", "DIRECTORY_NEWER"),
    ]


def test_rubbish_is_kept_up_to_a_bound_and_counted_beyond_it(world: World) -> None:
    """Two are quarantined, eight are a range of offsets; the balance holds and memory of them takes one row."""
    for number in range(10):
        world.outbox("kz", b"rubbish %d" % number)
    honest = world.event()
    world.outbox("kz", honest)
    world.settle()
    assert world.events(ngo("uz")) == [honest]
    assert len(world.nodes["kz"].bus.records("kz.quarantine")) == 2
    assert world.nodes["kz"].balance().total(Outcome.QUARANTINED) == 10
    assert is_balanced(world)
    with world.nodes["kz"].store.database.reading() as connection:
        (row,) = connection.execute(select(dropped)).all()
        assert (row.topic, row.first_offset, row.last_offset, row.records) == ("kz.outbox", 2, 9, 8)
        assert len(connection.execute(select(record).where(record.c.topic == "kz.outbox")).all()) == 3


def test_what_was_dropped_is_decided_when_it_comes_again(world: World) -> None:
    """No memory of it makes it a repeat: an honest event that nobody could check is not lost."""
    other = world.fed.pairs[agency("uz")]
    headers = [header_of(world.fed, message_id=fixed(f"forged {number}")) for number in range(3)]
    raws = [forged(world.fed, header=header, block=world.block(), signer=other) for header in headers]
    for raw in raws:
        world.outbox("kz", raw)
    world.settle()
    assert world.outcome("kz", 2) == ("", "")
    assert world.nodes["kz"].balance().total(Outcome.REFUSED) == 3
    with world.nodes["kz"].store.database.writing() as connection:
        connection.execute(quarantine.delete())
    world.outbox("kz", raws[2])
    world.settle()
    assert world.outcome("kz", 3)[0] == "REFUSED"


def test_refusals_of_one_sender_are_kept_up_to_a_bound_and_all_are_told(world: World) -> None:
    """It hears of each; the bytes of two are kept for a replay. Another sender's refusal is kept too."""
    for number in range(4):
        world.outbox("kz", world.event(f"no {number}", sender=FLOODER, consent_record=None))
    world.outbox("kz", world.event("no", consent_record=None))
    world.settle()
    assert [each.kind for each in world.notices(FLOODER)] == [NoticeKind.REFUSAL] * 4
    assert len(world.nodes["kz"].bus.records("kz.refused")) == 3
    assert is_balanced(world)


def test_the_node_operator_can_see_whose_room_is_full(world: World) -> None:
    """What waits is summed up for each sender under a name that only the node can make."""
    for number in range(3):
        world.outbox("kz", ahead(world, f"flood {number}"))
    world.settle()
    for number in range(5):
        world.outbox("kz", b"rubbish %d" % number)
    world.settle()
    store = world.nodes["kz"].store
    with store.database.reading() as connection:
        assert fullest(connection) == 2 / quotas.KEPT.records
    shown = list(lines(store, world.fed.directory, ["kz.outbox"], world.now_ms + 2 * HOUR_MS))
    assert [line.partition(":")[0] for line in shown] == [FLOODER, "kz.outbox (nobody verified)", "kz.outbox"]
    assert "3 held" in shown[0]
    assert "oldest for 2 hours" in shown[0]
    assert "dropped 3 between offsets 5 and 7" in shown[2]


def test_what_was_held_before_there_were_quotas_is_decided(world: World) -> None:
    """A row of an older version counts against nobody and is looked at like the others."""
    raw = ahead(world, "old")
    world.outbox("kz", raw)
    world.settle()
    with world.nodes["kz"].store.database.writing() as connection:
        connection.execute(hold.update().values(owner_key=None, wanted_version=0, next_ms=0))
    world.now_ms += HOUR_MS
    assert world.nodes["kz"].redecider.holds() == 1


def test_the_same_event_again_while_there_is_no_room_is_answered_again(world: World) -> None:
    """A resend of what was refused for want of room hears so again, and takes no room."""
    for number in range(4):
        world.outbox("kz", ahead(world, f"flood {number}"))
    world.settle()
    world.outbox("kz", world.nodes["kz"].bus.records("kz.outbox")[-1].value)
    world.settle()
    assert [each.codes for each in world.notices(FLOODER)][-2:] == [("TOO_MANY_WAITING",)] * 2
    assert fixed("flood 3") == world.notices(FLOODER)[-1].event_id


def test_urgent_events_that_no_gate_signs_for_count_for_their_sender(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The road to uz is silent: what one sends urgently fills its account, and the operator can see whose."""
    monkeypatch.setattr(quotas, "AWAITED", Quota(2, ROOMY))
    for number in range(3):
        world.outbox("kz", world.event(f"urgent {number}", priority="EMERGENCY"))
    node = world.nodes["kz"]
    node.consume()
    node.pump()
    with node.store.database.reading() as connection:
        assert fullest(connection) > 1
    found = list(lines(node.store, world.fed.directory, ["kz.outbox"], world.now_ms))
    names = [f"{agency('kz')}: {had}" for had in ("0 held", "3 urgent that no gate has signed for")]
    assert [each.split(" (")[0] for each in found] == names
