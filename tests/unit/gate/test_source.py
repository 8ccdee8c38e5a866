"""Positions, gaps and truncated logs; and the record that nothing can be done with."""

from __future__ import annotations

import pytest

from refbus.core.gate.passage import Outcome
from refbus.errors import Code, RefbusError, SetupError, StoreError, UntrustedError
from refbus.node.replay import Order, Person, Request
from refbus.node.store.reads import read_position
from refbus.node.topic_reader import POISON_ATTEMPTS
from refbus.wire.transport import StoppedRecord
from refbus_gate.decide import batch
from refbus_gate.decide.effects import MOST_SHOWN
from refbus_gate.decide.state import View
from support.directories import agency, ngo
from support.envelopes import fixed
from support.gates import Node, World


def position_of(node: Node, topic: str) -> tuple[int, int]:
    """Return the next offset and the gaps of a topic as the store has them."""
    with node.store.database.reading() as connection:
        found = read_position(connection, topic)
    return (0, 0) if found is None else (found.next_offset, found.gaps)


def test_records_below_the_position_are_skipped(world: World) -> None:
    """What Faust hands over again after a restart is not looked at."""
    world.outbox("kz", world.event())
    kz = world.nodes["kz"]
    assert kz.consume() == 1
    kz.consumers["kz.outbox"].handle(kz.bus.records("kz.outbox"))
    assert kz.balance().total(Outcome.DUPLICATE) == 0


def test_records_that_were_not_handed_over_are_fetched(world: World) -> None:
    """A batch that begins too far ahead does not lose what is before it."""
    raws = [world.event(name) for name in ("a", "b", "c")]
    for raw in raws:
        world.outbox("kz", raw)
    kz = world.nodes["kz"]
    kz.consumers["kz.outbox"].handle(kz.bus.records("kz.outbox")[2:])
    world.settle()
    assert world.events(ngo("uz")) == raws


def test_offsets_without_records_are_counted_as_gaps(world: World) -> None:
    """The markers of a writer's transactions take offsets; they are no records and no loss."""
    kz = world.nodes["kz"]
    for name in ("a", "b", "c", "d"):
        world.outbox("kz", world.event(name))
    del kz.bus.log("kz.outbox").records[1:3]
    kz.consumers["kz.outbox"].handle(kz.bus.records("kz.outbox"))
    assert position_of(kz, "kz.outbox") == (4, 2)
    assert set(kz.balance().difference.values()) == {0}


def test_a_log_that_begins_after_the_position_stops_the_gate(world: World) -> None:
    """Records that retention took before they were decided are not passed over in silence."""
    world.outbox("kz", world.event("a"))
    world.outbox("kz", world.event("b"))
    kz = world.nodes["kz"]
    kz.bus.truncate("kz.outbox", 1)
    with pytest.raises(SetupError) as caught:
        kz.consumers["kz.outbox"].start(None)
    assert caught.value.code is Code.LOG_TRUNCATED


def test_a_topic_that_was_made_anew_stops_the_gate(world: World) -> None:
    """Another topic id under the same name is another log."""
    world.outbox("kz", world.event())
    kz = world.nodes["kz"]
    kz.consume()
    kz.bus.recreate_topic("kz.outbox")
    with pytest.raises(SetupError) as caught:
        kz.consumers["kz.outbox"].start(None)
    assert caught.value.code is Code.LOG_TRUNCATED


def test_a_restored_database_catches_up(world: World) -> None:
    """The group has committed what this store does not know: it is read again, and no recipient sees it twice."""
    kz = world.nodes["kz"]
    raws = [world.event(name) for name in ("a", "b")]
    for raw in raws:
        world.outbox("kz", raw)
    world.settle()
    kz.start_anew()
    kz.consumers["kz.outbox"].start(committed=2)
    world.settle()
    assert position_of(kz, "kz.outbox")[0] == 2
    assert world.events(ngo("uz")) == raws


def test_a_second_gate_on_the_same_store_stops(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process has decided moves the fence; whoever rests on the old state writes nothing."""
    world.outbox("kz", world.event())
    kz = world.nodes["kz"]
    with kz.store.database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO fence (id, decisions) VALUES (1, 7)")
    moved = View.__init__

    def behind(self: View, *arguments: object) -> None:
        moved(self, *arguments)  # type: ignore[arg-type]
        self.fence -= 1

    monkeypatch.setattr(View, "__init__", behind)
    with pytest.raises(StoreError) as caught:
        kz.consume()
    assert caught.value.code is Code.POSITION_CONFLICT
    assert kz.balance().received == {}


class Poison:
    """Makes decisions about one event fail."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
        self.failures = 0
        decide = batch.verdict_of

        def verdict_of(opened, view, batch, *, resumed=False):  # type: ignore[no-untyped-def]
            if opened.block is not None and opened.block.event_id == fixed(name):
                self.failures += 1
                raise error
            return decide(opened, view, batch, resumed=resumed)

        patch.setattr(batch, "verdict_of", verdict_of)


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), UntrustedError(Code.OPEN_FAILED)])
def test_a_poison_record_is_isolated(world: World, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Its batch is decided without it; at the third failure alone it is quarantined as INTERNAL_ERROR."""
    poison = Poison(world, monkeypatch, "bad", error)
    raws = {name: world.event(name) for name in ("a", "bad", "c")}
    for raw in raws.values():
        world.outbox("kz", raw)
    world.settle()
    assert world.events(ngo("uz")) == [raws["a"], raws["c"]]
    (kept,) = [StoppedRecord.parse(each.value) for each in world.nodes["kz"].bus.records("kz.quarantine")]
    assert (kept.record, kept.codes) == (raws["bad"], ("INTERNAL_ERROR",))
    assert poison.failures == 1 + POISON_ATTEMPTS
    assert set(world.nodes["kz"].balance().difference.values()) == {0}


def test_the_case_of_a_poison_record_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows in its case is held until the record is replayed or ends; other cases go on."""
    Poison(world, monkeypatch, "bad", ZeroDivisionError())
    world.outbox("kz", world.event("bad"))
    same_case = {"referral_id": fixed("referral bad"), "case_handle": fixed("case bad", 32)}
    world.outbox("kz", world.event("after", event_type="InformationProvided", **same_case))
    world.settle()
    assert world.notices(agency("kz"))[-1].codes == ("CASE_HELD",)
    monkeypatch.undo()
    (kept,) = [StoppedRecord.parse(each.value) for each in world.nodes["kz"].bus.records("kz.quarantine")]
    asked, approved = Person("Anna Example", "anna", 1), Person("Boris Example", "boris", 2)
    order = Order(Request(kept.decision_id.hex(), "the program was mended", asked), approved)
    world.nodes["kz"].redecider.replay(kept.decision_id, order, lambda *_: None)
    world.nodes["kz"].redecider.holds()
    world.settle()
    assert len(world.events(ngo("uz"))) == 2


def test_failures_are_counted_across_restarts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that also kills the process is put aside: the count is in the store."""
    world.outbox("kz", world.event("bad"))
    kz = world.nodes["kz"]
    from refbus.node.store.commit import note_failure

    for _ in range(POISON_ATTEMPTS - 1):
        note_failure(kz.store.database, "kz.outbox", 0)
    kz.restart()
    poison = Poison(world, monkeypatch, "bad", ZeroDivisionError())
    kz.consume()
    assert poison.failures == 2  # once in its batch, once alone
    assert kz.balance().total(Outcome.QUARANTINED) == 1


@pytest.mark.parametrize(
    "error", [StoreError(Code.STORE_FULL), SetupError(Code.DIRECTORY_INVALID)], ids=["store", "set-up"]
)
def test_trouble_of_the_machine_blames_no_record(
    world: World, monkeypatch: pytest.MonkeyPatch, error: RefbusError
) -> None:
    """Store and set-up faults stop the worker; nothing is written, and all is decided after the restart."""
    Poison(world, monkeypatch, "bad", error)
    raw = world.event("bad")
    world.outbox("kz", raw)
    with pytest.raises(type(error)):
        world.nodes["kz"].consume()
    monkeypatch.undo()
    world.nodes["kz"].restart()
    world.settle()
    assert world.events(ngo("uz")) == [raw]


RAW = b"the bytes of a batch as the broker has them"


def hand_over(node: Node) -> None:
    """Hand over what the driver reads of the outbox."""
    node.consumers["kz.outbox"].handle(node.bus.reader("kz.outbox").read(100, 0))


def with_a_torn_batch(world: World, heals: int = 0) -> list[bytes]:
    """Write an event, a batch of two events that cannot be read, and an event."""
    raws = [world.event(name) for name in ("a", "b", "c", "d")]
    bus = world.nodes["kz"].bus
    bus.put("kz.outbox", raws[0])
    bus.put_torn("kz.outbox", raws[1:3], RAW, heals=heals)
    bus.put("kz.outbox", raws[3])
    return raws


def test_a_batch_that_nobody_can_read_is_set_aside(world: World) -> None:
    """Its bytes are in quarantine under BATCH_UNREADABLE with its offset; what is around it is delivered."""
    raws, kz = with_a_torn_batch(world), world.nodes["kz"]
    hand_over(kz)
    world.settle()
    assert world.events(ngo("uz")) == [raws[0], raws[3]]
    (kept,) = [StoppedRecord.parse(each.value) for each in kz.bus.records("kz.quarantine")]
    assert (kept.record, kept.codes, kept.offset) == (RAW, ("BATCH_UNREADABLE",), 2)
    assert position_of(kz, "kz.outbox") == (4, 1)
    assert kz.balance().total(Outcome.QUARANTINED) == 1
    assert set(kz.balance().difference.values()) == {0}


def test_a_batch_that_only_came_damaged_is_decided(world: World) -> None:
    """It is read again by another connection first: nothing is set aside that the broker has whole."""
    raws, kz = with_a_torn_batch(world, heals=3), world.nodes["kz"]
    hand_over(kz)
    world.settle()
    assert world.events(ngo("uz")) == raws
    assert kz.bus.records("kz.quarantine") == ()


def test_nothing_is_set_aside_while_the_store_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that does not pass its own test stops the gate, and the batch is still to be decided."""
    with_a_torn_batch(world)
    kz = world.nodes["kz"]

    def failing() -> None:
        raise StoreError(Code.STORE_FAILED)

    monkeypatch.setattr(type(kz.store), "self_test", lambda _store: failing())
    with pytest.raises(StoreError):
        hand_over(kz)
    assert position_of(kz, "kz.outbox") == (1, 0)
    assert kz.bus.records("kz.quarantine") == ()


def test_failures_of_a_batch_are_counted_over_starts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that dies between two tries does not begin to count anew."""
    with_a_torn_batch(world)
    kz = world.nodes["kz"]
    decider = type(kz.consumers["kz.outbox"]._decider)
    monkeypatch.setattr(decider, "self_test", lambda _decider: (_ for _ in ()).throw(StoreError(Code.STORE_FAILED)))
    for _ in range(POISON_ATTEMPTS - 1):
        with pytest.raises(StoreError):
            hand_over(kz)
    monkeypatch.undo()
    kz.restart()
    hand_over(kz)
    assert kz.balance().total(Outcome.QUARANTINED) == 1


def test_a_restored_database_passes_a_batch_that_cannot_be_read(world: World) -> None:
    """Reading again after a restore meets the same batch and sets it aside there too."""
    with_a_torn_batch(world)
    kz = world.nodes["kz"]
    kz.consumers["kz.outbox"].start(committed=4)
    assert position_of(kz, "kz.outbox") == (4, 1)


def test_a_record_without_a_value_is_quarantined(world: World) -> None:
    """A tombstone is a record like any other that is no event."""
    kz = world.nodes["kz"]
    for value in (b"", world.event()):
        world.outbox("kz", value)
    world.settle()
    assert kz.balance().total(Outcome.QUARANTINED) == 1
    assert len(world.events(ngo("uz"))) == 1


def test_a_record_that_the_operators_topic_cannot_take_blocks_no_other(world: World) -> None:
    """Its copy there is cut; the store keeps it whole for a replay, and the next one is quarantined too."""
    kz = world.nodes["kz"]
    for value in (bytes(1_040_000), b"\x01"):
        world.outbox("kz", value)
    world.settle()
    shown = [StoppedRecord.parse(each.value).record for each in kz.bus.records("kz.quarantine")]
    assert [len(each) for each in shown] == [MOST_SHOWN, 1]
