"""Pumps: a row ends only with its own report, and whatever fails is sent again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from bench.counting import counting
from refbus.bus.memory import Fault, MemoryBus
from refbus.crypto.secretbox import StateKey
from refbus.node.store import outgoing
from refbus.node.store.holds import urgent_of_senders
from refbus.node.store.node import NodeStore
from refbus.node.store.outgoing import Outgoing
from refbus_gate.deliver.pump import Pump, PumpSettings
from refbus_gate.restored import recognise
from support.clocks import steady_clock
from support.stores import place

pytestmark = pytest.mark.both_stores


class Bench:
    """One pump, its store and its destination."""

    def __init__(self, folder: Path) -> None:
        self.store = NodeStore.open(place(folder / "node.db"), StateKey(bytes(32)))
        self.bus = MemoryBus(["uz.inbox.a", "uz.inbox.b", "uz.border.kz"])
        self.now_ms = 1_790_000_000_000
        self.pump = self.new_pump()

    def new_pump(self, mark_ms: int = 0) -> Pump:
        """Return a pump as after a start of the process."""
        settings = PumpSettings(1000, 8000, mark_ms)
        return Pump(self.store, "uz", self.bus.producer, steady_clock(lambda: self.now_ms), settings)

    def add(self, *values: bytes, topic: str = "uz.inbox.a", **fields: object) -> None:
        """Write rows for one topic."""
        rows = [Outgoing("uz", topic, value, topic.encode(), **fields) for value in values]  # type: ignore[arg-type]
        with self.store.database.writing() as connection:
            outgoing.add(connection, self.store, rows, self.now_ms)

    def run(self, turns: int = 20) -> None:
        """Let the pump work; time passes."""
        for _ in range(turns):
            self.pump.turn()
            self.now_ms += 500

    def arrived(self, topic: str = "uz.inbox.a") -> list[bytes]:
        """Return what is in a topic."""
        return [record.value for record in self.bus.records(topic)]

    def unsent(self) -> int:
        """Return how many rows are in the store."""
        with self.store.database.reading() as connection:
            ready, awaiting = outgoing.waiting(connection)
        return sum(rows for rows, _ in ready.values()) + awaiting[0]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Return a pump to try."""
    made = Bench(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def patient(bench: Bench) -> Bench:
    """Return one whose marks wait for 200 ms."""
    bench.pump = bench.new_pump(mark_ms=200)
    return bench


def test_rows_arrive_in_order_and_leave_the_store(bench: Bench) -> None:
    """What the broker has confirmed is not kept."""
    bench.add(b"1", b"2", b"3")
    bench.run(2)
    assert bench.arrived() == [b"1", b"2", b"3"]
    assert bench.unsent() == 0


@pytest.mark.in_files
def test_a_row_that_does_not_open_stops_no_other(bench: Bench) -> None:
    """It is given up, so that upkeep tells its sender; every other row of the destination arrives."""
    bench.add(b"1", b"2", b"3")
    with bench.store.database.writing() as connection:
        connection.execute(text("UPDATE outgoing SET sealed_value = x'00' WHERE id = 2"))
    bench.run(3)
    assert bench.arrived() == [b"1", b"3"]
    with bench.store.database.reading() as connection:
        assert outgoing.expired(connection, bench.now_ms, 10) == [(2, None)]


def test_a_rejected_row_is_kept_and_sent_again(bench: Bench) -> None:
    """A rejection in the delivery report loses nothing, though flush says that nothing is under way."""
    bench.bus.inject("uz.inbox.a", Fault.REJECT)
    bench.add(b"1")
    bench.pump.turn()
    assert (bench.arrived(), bench.unsent()) == ([], 1)
    bench.run()
    assert (bench.arrived(), bench.unsent()) == ([b"1"], 0)


def test_an_unknown_outcome_is_repeated(bench: Bench) -> None:
    """Stored, but reported unreachable: the record is there twice, which readers know how to skip."""
    bench.bus.inject("uz.inbox.a", Fault.UNKNOWN)
    bench.add(b"1")
    bench.run()
    assert bench.arrived() == [b"1", b"1"]
    assert bench.unsent() == 0


def test_a_missing_topic_holds_up_its_own_rows_only(bench: Bench) -> None:
    """The inbox of an organisation whose topic is not made yet waits; the others go on."""
    bench.add(b"1", topic="uz.inbox.new")
    bench.add(b"2")
    bench.run(5)
    assert bench.arrived() == [b"2"]
    bench.bus.create_topic(bench.bus.log("uz.inbox.a").state.__class__("uz.inbox.new", 1, 1, {}))
    bench.run(30)
    assert bench.arrived("uz.inbox.new") == [b"1"]


def test_a_crash_before_marking_repeats(bench: Bench) -> None:
    """A new pump on the same store sends what is not marked, from the beginning."""
    bench.add(b"1", b"2")
    bench.pump = bench.new_pump()
    bench.run(3)
    assert bench.arrived() == [b"1", b"2"]


def test_a_down_broker_loses_nothing(bench: Bench) -> None:
    """Rows that are written while the broker is away arrive in order when it is back."""
    bench.bus.down = True
    for number in range(5):
        bench.add(b"%d" % number)
        bench.run(2)
    bench.bus.down = False
    bench.run(200)
    assert bench.arrived() == [b"0", b"1", b"2", b"3", b"4"]


def test_a_row_with_a_receipt_due_is_sent_again_with_back_off(bench: Bench) -> None:
    """It stays AWAITING and is repeated after 1, 2, 4, 8, 8 ... seconds, until the receipt removes it."""
    bench.add(b"event", topic="uz.border.kz", envelope_key=b"k" * 32, expires_ms=1_790_001_000_000)
    counts = []
    for _ in range(16):
        bench.run(2)
        counts.append(len(bench.arrived("uz.border.kz")))
    assert counts[0] == 1
    assert counts[-1] in {4, 5}
    with bench.store.database.writing() as connection:
        outgoing.taken(connection, [b"k" * 32])
    bench.run(60)
    assert len(bench.arrived("uz.border.kz")) == counts[-1]


def test_numbers_never_come_again(bench: Bench) -> None:
    """A pump reads on from the last number: were one used twice, its row would never be sent."""
    for value in (b"1", b"2", b"3"):
        bench.add(value)
        bench.run(2)
        assert bench.unsent() == 0
    assert bench.arrived() == [b"1", b"2", b"3"]


def test_closing_takes_the_last_reports(bench: Bench) -> None:
    """A clean stop marks what has arrived."""
    bench.add(b"1")
    bench.pump.turn()
    bench.pump.close()
    assert bench.unsent() == 0


def test_marks_of_several_deliveries_are_one_transaction(patient: Bench) -> None:
    """What arrives within 200 ms is written down at once, not each time."""
    for value in (b"1", b"2", b"3"):
        patient.add(value)
        with counting() as counts:
            patient.pump.turn()
        assert counts.commits == 0
        patient.now_ms += 60
    assert (patient.arrived(), patient.unsent()) == ([b"1", b"2", b"3"], 3)
    patient.now_ms += 20
    with counting() as counts:
        patient.pump.turn()
    assert (counts.commits, patient.unsent()) == (1, 0)


def test_what_is_not_marked_is_sent_again_after_a_crash(patient: Bench) -> None:
    """However often that happens, the store knows what is its own: it is taken for no copy."""
    patient.add(b"0")
    patient.pump.turn()
    patient.pump.close()
    patient.add(b"1", b"2")
    for sent in range(1, 4):
        patient.pump = patient.new_pump(mark_ms=200)
        patient.pump.turn()
        assert patient.arrived() == [b"0", *[b"1", b"2"] * sent]
        assert patient.unsent() == 2
        assert not recognise(patient.store, {"uz.inbox.a": 1 + 2 * sent}, {}, patient.now_ms)


def test_what_failed_is_marked_at_once_when_it_arrives(patient: Bench) -> None:
    """Whether the broker had it before is not known, so it may be there twice already."""
    patient.bus.inject("uz.inbox.a", Fault.UNKNOWN)
    patient.add(b"1")
    while len(patient.arrived()) < 2:
        patient.now_ms += 100
        patient.pump.turn()
    assert patient.unsent() == 0


def test_an_event_is_not_sent_again_because_its_mark_waits(patient: Bench) -> None:
    """What is overdue is read from the store, which hears first what has arrived."""
    patient.add(b"event", topic="uz.border.kz", envelope_key=b"k" * 32, expires_ms=1_790_001_000_000)
    patient.run(2)
    patient.now_ms += 1_000
    patient.pump.turn()
    patient.pump.turn()
    patient.now_ms += 199
    patient.pump.turn()
    assert len(patient.arrived("uz.border.kz")) == 2


def test_a_receipt_that_comes_before_the_mark_ends_the_row(patient: Bench) -> None:
    """The other gate may sign for an event faster than its delivery is written down: it is not sent again."""
    patient.add(b"event", topic="uz.border.kz", envelope_key=b"k" * 32, expires_ms=1_790_001_000_000)
    patient.pump.turn()
    with patient.store.database.writing() as connection:
        outgoing.taken(connection, [b"k" * 32])
    patient.run(20)
    assert (patient.arrived("uz.border.kz"), patient.unsent()) == ([b"event"], 0)


def test_so_many_marks_wait_and_no_more(patient: Bench) -> None:
    """A full wave is written down at once: what a crash repeats, and what is kept in memory, is bounded."""
    patient.add(*(b"%d" % number for number in range(64)))
    patient.pump.turn()
    assert patient.unsent() == 0


def test_closing_writes_down_what_waits(patient: Bench) -> None:
    """A clean stop leaves nothing to be sent twice."""
    patient.add(b"1")
    patient.pump.turn()
    assert patient.unsent() == 1
    patient.pump.close()
    assert patient.unsent() == 0


def awaiting(bench: Bench, count: int, size: int = 10, *, urgent: int = 0, sender: bytes = b"") -> list[bytes]:
    """Write so many rows that a silent gate must confirm, each in a lane of its own; return their values."""
    topic, first = "uz.border.kz", bench.unsent()
    values = [b"%06d" % number + bytes(size) for number in range(first, first + count)]
    made = partial(Outgoing, "uz", topic, urgent=urgent, sender=sender)
    rows = [made(value=each, lane=each[:6], envelope_key=each[:6]) for each in values]
    with bench.store.database.writing() as connection:
        outgoing.add(connection, bench.store, rows, bench.now_ms)
    while bench.pump.turn():
        pass
    return values


@pytest.mark.parametrize("urgent", [0, outgoing.NEXT])
def test_a_no_is_sent_again_before_all_that_waits_for_a_silent_gate(bench: Bench, urgent: int) -> None:
    """Thousands wait longer than it, a flood of emergencies too, and fill many turns; the no is in the first."""
    plain = awaiting(bench, 1_000, urgent=urgent)
    (stop,) = awaiting(bench, 1, urgent=outgoing.FIRST)
    assert bench.unsent() == 1_001
    before = len(bench.arrived("uz.border.kz"))
    bench.now_ms += 60_000
    bench.pump.turn()
    again = bench.arrived("uz.border.kz")[before:]
    assert again == [stop, *plain[:63]]


@pytest.mark.parametrize("urgent", [outgoing.FIRST, outgoing.NEXT, 0])
def test_nobodys_flood_stands_before_another_senders_event(bench: Bench, urgent: int) -> None:
    """Hundreds of one sender's of the same urgency are overdue for longer: the other's is in the next turn."""
    flood = awaiting(bench, 300, urgent=urgent, sender=b"flood")
    bench.now_ms += 500
    (honest,) = awaiting(bench, 1, urgent=urgent, sender=b"honest")
    before = len(bench.arrived("uz.border.kz"))
    bench.now_ms += 60_000
    bench.pump.turn()
    assert bench.arrived("uz.border.kz")[before:] == [flood[0], honest, *flood[1:63]]


@pytest.mark.parametrize("size", [10, outgoing.MOST_BYTES // 8])
def test_a_flood_of_a_higher_urgency_leaves_room_for_what_is_of_a_lower(bench: Bench, size: int) -> None:
    """One sender's many or large orders to stop take a share of a turn: an emergency and a referral are in it too."""
    awaiting(bench, 100, size, urgent=outgoing.FIRST, sender=b"flood")
    (emergency,) = awaiting(bench, 1, urgent=outgoing.NEXT, sender=b"honest")
    (referral,) = awaiting(bench, 1, sender=b"other")
    before = len(bench.arrived("uz.border.kz"))
    bench.now_ms += 60_000
    bench.pump.turn()
    assert {emergency, referral} <= set(bench.arrived("uz.border.kz")[before:])


def test_who_has_much_urgent_waiting_is_counted(bench: Bench) -> None:
    """What the alarm reads: of each sender, what is urgent and not signed for."""
    awaiting(bench, 5, urgent=outgoing.NEXT, sender=b"flood")
    awaiting(bench, 2, urgent=outgoing.FIRST, sender=b"honest")
    awaiting(bench, 9, sender=b"calm")
    with bench.store.database.reading() as connection:
        found = urgent_of_senders(connection)
    assert {sender: taken.records for sender, taken in found.items()} == {b"flood": 5, b"honest": 2}


def test_what_a_silent_gate_is_sent_again_has_bounded_bytes(bench: Bench) -> None:
    """Large records go again a few at a time, each has its turn, and one that is larger than the bound goes alone."""
    size = outgoing.MOST_BYTES // 4
    large = awaiting(bench, 10, size)
    (largest,) = awaiting(bench, 1, outgoing.MOST_BYTES * 2)
    before = len(bench.arrived("uz.border.kz"))
    turns: list[int] = []
    for _ in range(5):
        bench.now_ms += 1_000
        bench.pump.turn()
        turns.append(len(bench.arrived("uz.border.kz")) - before - sum(turns))
    assert turns == [3, 3, 3, 1, 1]
    assert bench.arrived("uz.border.kz")[before:] == [*large, largest]
