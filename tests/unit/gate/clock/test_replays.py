"""Decisions made again by order of two operators: what is noted first, the count, the entry in the audit log."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from refbus.audit.entry import open_entry
from refbus.audit.record import AuditOutcome, ReplayRecord, Stage
from refbus.audit.statement import Statement
from refbus.core.directory import OrgStatus
from refbus.core.gate.passage import Outcome
from refbus.errors import Code, RuleError, StoreError
from refbus.node.replay import Order, Person, Request
from refbus.node.store.rows import DeadlineRow
from refbus.wire.transport import AuditEntry, StoppedRecord
from refbus_gate.decide import batch
from support.directories import NOW_MS, agency, inspector, kem_private, ngo
from support.gates import World

pytestmark = pytest.mark.both_stores
REASON = "the office works again since this morning"


def order_of(decision_id: bytes) -> Order:
    """Return what two operators want."""
    asked = Person("Anna Example", "anna", NOW_MS)
    return Order(Request(decision_id.hex(), REASON, asked), Person("Boris Example", "boris", NOW_MS + 1))


@dataclass
class Noted:
    """Keeps what a gate notes of an order, which must be before it is written, or fails."""

    world: World
    error: StoreError | None = None
    told: list[tuple[Outcome, bytes]] = field(default_factory=list)

    def __call__(self, outcome: Outcome, statement: bytes) -> None:
        """Take it while the record is stopped as it was."""
        if self.error is not None:
            raise self.error
        assert self.world.nodes["kz"].balance().total(Outcome.REFUSED) == 1
        self.told.append((outcome, statement))


def test_a_replay_moves_the_count(world: World) -> None:
    """After the operator has seen to the cause the refused record is decided again under a new decision id."""
    world.fed = world.fed.changed(ngo("uz"), status=OrgStatus.SUSPENDED)
    raw = world.event()
    world.outbox("kz", raw)
    world.settle()
    (kept,) = [StoppedRecord.parse(each.value) for each in world.nodes["kz"].bus.records("kz.refused")]
    world.fed = world.fed.changed(ngo("uz"), status=OrgStatus.ACTIVE)
    noted = Noted(world)
    verdict = world.nodes["kz"].redecider.replay(kept.decision_id, order_of(kept.decision_id), noted)
    world.settle()
    assert verdict.outcome is Outcome.FORWARDED
    ((outcome, stated),) = noted.told
    assert outcome is Outcome.FORWARDED
    assert world.events(ngo("uz")) == [raw]
    balance = world.nodes["kz"].balance()
    assert (balance.total(Outcome.REFUSED), set(balance.difference.values())) == (0, {0})
    assert world.notices(agency("kz"))[-1].decision_id != kept.decision_id
    entries = [AuditEntry.parse(each.value) for each in world.nodes["kz"].bus.records("kz.audit")]
    (entry,) = [each for each in entries if each.leaf == Statement.parse(stated).leaf]
    record = open_entry(entry, [kem_private(inspector("kz"))])
    assert isinstance(record, ReplayRecord)
    assert (record.replaced, record.outcome, record.stage) == (kept.decision_id, AuditOutcome.FORWARDED, Stage.EGRESS)
    assert record.became == world.notices(agency("kz"))[-1].decision_id
    assert (record.reason, record.asked_by, record.approved_by) == (REASON, "Anna Example", "Boris Example")
    assert entry.stays


def test_a_replay_needs_a_stopped_record(world: World) -> None:
    """What was forwarded, or never decided, is not replayed."""
    world.outbox("kz", world.event())
    world.settle()
    for decision_id in (world.notices(agency("kz"))[0].decision_id, bytes(16)):
        with pytest.raises(RuleError) as caught:
            world.nodes["kz"].redecider.replay(decision_id, order_of(decision_id), Noted(world))
        assert caught.value.code is Code.CASE_UNKNOWN


def test_a_replay_may_be_refused_again(world: World) -> None:
    """It stays refused, is kept again, and can be replayed again under its new id."""
    world.outbox("kz", world.event(consent_record=None))
    world.settle()
    (first,) = [StoppedRecord.parse(each.value) for each in world.nodes["kz"].bus.records("kz.refused")]
    world.nodes["kz"].redecider.replay(first.decision_id, order_of(first.decision_id), Noted(world))
    world.settle()
    second = StoppedRecord.parse(world.nodes["kz"].bus.records("kz.refused")[-1].value)
    assert second.decision_id != first.decision_id
    verdict = world.nodes["kz"].redecider.replay(second.decision_id, order_of(second.decision_id), Noted(world))
    assert verdict.outcome is Outcome.REFUSED


def test_a_replay_that_cannot_be_noted_is_not_decided(world: World) -> None:
    """Nobody could prove it later: the record stays stopped, and nothing of the order is sent."""
    world.outbox("kz", world.event(consent_record=None))
    world.settle()
    node = world.nodes["kz"]
    (kept,) = [StoppedRecord.parse(each.value) for each in node.bus.records("kz.refused")]
    entries = len(node.bus.records("kz.audit"))
    with pytest.raises(StoreError):
        node.redecider.replay(kept.decision_id, order_of(kept.decision_id), Noted(world, StoreError(Code.STORE_FULL)))
    world.settle()
    assert (len(node.bus.records("kz.refused")), len(node.bus.records("kz.audit"))) == (1, entries)
    assert node.redecider.replay(kept.decision_id, order_of(kept.decision_id), Noted(world)).outcome is Outcome.REFUSED


def test_what_fails_before_it_is_written_is_not_noted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the order causes is made first: no outcome is kept of an order that was not carried out."""
    world.outbox("kz", world.event(consent_record=None))
    world.settle()
    node = world.nodes["kz"]
    (kept,) = [StoppedRecord.parse(each.value) for each in node.bus.records("kz.refused")]
    noted = Noted(world)

    def broken(*_: object) -> list[DeadlineRow]:
        raise RuleError(Code.CASE_UNKNOWN)

    monkeypatch.setattr(batch, "planned", broken)
    with pytest.raises(RuleError):
        node.redecider.replay(kept.decision_id, order_of(kept.decision_id), noted)
    assert noted.told == []
    monkeypatch.undo()
    node.redecider.replay(kept.decision_id, order_of(kept.decision_id), noted)
    assert [outcome for outcome, _ in noted.told] == [Outcome.REFUSED]
