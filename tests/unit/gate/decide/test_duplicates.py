"""The same again: bytes, signed bytes, events. A repeat has no second effect and is answered as the first time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refbus.core.gate.passage import Outcome
from refbus.core.units import HOUR_MS
from refbus.crypto.kem import KemPrivate
from refbus.wire.transport import BorderKind, BorderRecord, NoticeKind, NoticeOutcome, Passed
from support.directories import agency, kem_key, ngo
from support.envelopes import NOW_HOUR, fixed, sealed
from support.gates import World

pytestmark = pytest.mark.both_stores


def test_an_exact_resend_is_answered_again(world: World) -> None:
    """The sender gets its receipt once more, under the first decision id; the recipient gets nothing."""
    raw = world.event()
    for _ in range(3):
        world.outbox("kz", raw)
    world.settle()
    assert world.events(ngo("uz")) == [raw]
    notices = world.notices(agency("kz"))
    assert [each.outcome for each in notices] == [NoticeOutcome.FORWARDED] * 3
    assert len({each.decision_id for each in notices}) == 1
    assert world.nodes["kz"].balance().total(Outcome.DUPLICATE) == 2


def test_a_resend_across_batches_and_restarts(world: World) -> None:
    """Recognition is in the store, not in memory."""
    raw = world.event()
    world.outbox("kz", raw)
    world.settle()
    world.nodes["kz"].restart()
    world.outbox("kz", raw)
    world.settle()
    assert world.events(ngo("uz")) == [raw]


def test_a_refused_event_is_refused_again(world: World) -> None:
    """A resend of what was refused is told the same reasons."""
    raw = world.event(consent_record=None)
    world.outbox("kz", raw)
    world.outbox("kz", raw)
    world.settle()
    notices = world.notices(agency("kz"))
    assert [(each.kind, each.codes) for each in notices] == [(NoticeKind.REFUSAL, ("NO_CONSENT",))] * 2


def test_a_resend_is_recognised_before_the_time_is_looked_at(world: World) -> None:
    """A resend of an event that has expired since is still a duplicate."""
    raw = sealed(world.fed, world.block(), expires_at_hour=NOW_HOUR + 1)
    world.outbox("kz", raw)
    world.settle()
    world.now_ms += 2 * HOUR_MS
    world.outbox("kz", raw)
    world.settle()
    assert world.nodes["kz"].balance().total(Outcome.DUPLICATE) == 1
    assert world.nodes["kz"].balance().total(Outcome.REFUSED) == 0


def test_the_hop_receipt_is_signed_again_for_a_repeat(world: World) -> None:
    """A record that the pump repeated is confirmed again, in case the first receipt was lost."""
    world.outbox("kz", world.event())
    world.settle()
    (record,) = world.nodes["uz"].bus.records("uz.border.kz")
    world.nodes["uz"].bus.put("uz.border.kz", record.value)
    world.settle()
    back = [BorderRecord.parse(each.value) for each in world.nodes["kz"].bus.records("kz.border.uz")]
    assert [each.kind for each in back] == [BorderKind.HOP] * 2
    assert len(world.crossings(agency("kz"))) == 1
    assert len(world.events(ngo("uz"))) == 1


def test_another_stamp_makes_no_second_event(world: World) -> None:
    """The same envelope under a later stamp is the same event."""
    world.outbox("kz", world.event())
    world.settle()
    (record,) = world.nodes["uz"].bus.records("uz.border.kz")
    passed = Passed.parse(BorderRecord.parse(record.value).body)
    world.nodes["uz"].bus.put("uz.border.kz", world.stamped(passed.envelope, hour=NOW_HOUR + 1))
    world.settle()
    assert len(world.events(ngo("uz"))) == 1
    assert world.nodes["uz"].balance().total(Outcome.DUPLICATE) == 1


def test_another_event_under_a_used_id_is_an_alarm(world: World) -> None:
    """It is never passed, and the sender is told EVENT_ID_REUSED."""
    world.outbox("kz", world.event("one"))
    world.outbox("kz", world.event("two", event_id=fixed("one")))
    world.settle()
    notice = world.notices(agency("kz"))[-1]
    assert (notice.kind, notice.outcome, notice.codes) == (
        NoticeKind.REFUSAL,
        NoticeOutcome.DUPLICATE,
        ("EVENT_ID_REUSED",),
    )
    assert len(world.events(ngo("uz"))) == 1


def test_an_event_sealed_again_to_a_new_key_goes_through(world: World) -> None:
    """After UNDECRYPTABLE the same event in a new envelope reaches the recipient; the state counts it once."""
    world.outbox("kz", world.event())
    world.settle()
    private = KemPrivate(fixed("new epoch", 32))
    keys = (*world.fed.directory.organisations[ngo("uz")].kem_keys, kem_key(private))
    world.fed = replace(world.fed.changed(ngo("uz"), kem_keys=keys), kems={**world.fed.kems, ngo("uz"): private})
    world.outbox("kz", world.event())
    world.settle()
    assert len(world.events(ngo("uz"))) == 2
    assert world.nodes["uz"].balance().total(Outcome.FORWARDED) == 2


def test_quarantined_bytes_again_are_a_duplicate(world: World) -> None:
    """Garbage that is sent twice is kept once."""
    world.outbox("kz", b"garbage")
    world.outbox("kz", b"garbage")
    world.settle()
    balance = world.nodes["kz"].balance()
    assert (balance.total(Outcome.QUARANTINED), balance.total(Outcome.DUPLICATE)) == (1, 1)
