"""Orders to replay as they lie in the gate's home: what is kept of them, which are taken away, which stay."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from refbus.core.gate.passage import Outcome
from refbus.errors import Code, RuleError
from refbus.node import replay
from refbus.node.replay import BEGUN, JOURNAL, Order, Person
from refbus.wire.transport import StoppedRecord
from refbus_gate.clock.replays import Replays
from refbus_gate.decide import batch
from support.clocks import Machine
from support.directories import NOW_MS
from support.gates import World
from unit.gate.clock.test_replays import order_of


@dataclass
class Ordered:
    """A gate with a refused record, and the order of two persons to decide it again."""

    world: World
    home: Path
    machine: Machine = field(default_factory=Machine)
    order: Order = field(init=False)
    replays: Replays = field(init=False)

    def __post_init__(self) -> None:
        self.world.outbox("kz", self.world.event(consent_record=None))
        self.world.settle()
        (kept,) = [StoppedRecord.parse(each.value) for each in self.world.nodes["kz"].bus.records("kz.refused")]
        wanted = order_of(kept.decision_id)
        self.order = replay.approve(self.home, wanted.request, wanted.approved, accounts=True)
        self.start()

    def start(self) -> None:
        """Start the gate again."""
        self.replays = Replays(self.home, self.world.nodes["kz"].redecider, self.machine.clock, accounts=True)

    def turn(self, times: int = 1, hours: float = 2) -> None:
        """Let the gate look at its orders, and time pass."""
        for _ in range(times):
            self.replays.turn()
            self.machine.pass_time(hours=hours)

    @property
    def outcomes(self) -> list[str]:
        """What the journal says, line by line."""
        return [json.loads(line)["outcome"] for line in (self.home / JOURNAL).read_text().splitlines()]

    @property
    def waits(self) -> bool:
        """Whether the order is still there."""
        return bool(list(replay.waiting(self.home)))

    @property
    def refused(self) -> int:
        """How often the record was refused."""
        self.world.settle()
        return len(self.world.nodes["kz"].bus.records("kz.refused"))


@pytest.fixture
def ordered(world: World, tmp_path: Path) -> Ordered:
    """Give it."""
    return Ordered(world, tmp_path)


def test_an_order_is_carried_out_and_taken_away(ordered: Ordered) -> None:
    """The journal has its begin and its outcome."""
    ordered.turn(3)
    assert (ordered.outcomes, ordered.waits, ordered.refused) == ([BEGUN, Outcome.REFUSED], False, 2)


def test_what_cannot_be_taken_away_is_not_begun_again(ordered: Ordered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Carried out once it has no second effect, however long its file stays and however often the gate starts."""
    monkeypatch.setattr(replay, "done", lambda _: False)
    ordered.turn(5)
    ordered.start()
    ordered.turn(5)
    assert (ordered.outcomes, ordered.waits, ordered.refused) == ([BEGUN, Outcome.REFUSED], True, 2)
    (done,) = replay.done_before(ordered.home)
    assert (done.outcome, done.is_settled) == (Outcome.REFUSED, True)


def test_an_order_that_is_not_possible_is_begun_once(ordered: Ordered, monkeypatch: pytest.MonkeyPatch) -> None:
    """No record has this decision id: the journal says so with one line, also where the file stays."""
    monkeypatch.setattr(replay, "done", lambda _: False)
    ordered.turn()
    other = order_of(bytes(16))
    replay.approve(ordered.home, other.request, other.approved, accounts=True)
    ordered.turn(5)
    assert ordered.outcomes == [BEGUN, Outcome.REFUSED, BEGUN]


def test_an_order_whose_outcome_was_not_written_stays(ordered: Ordered, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails behind the note leaves the order; what was stated is in doubt until it is carried out, later."""

    def broken(*_: object) -> None:
        raise RuleError(Code.CASE_UNKNOWN)

    with monkeypatch.context() as patched:
        patched.setattr(batch, "commit", broken)
        ordered.turn(4, hours=0)
        assert (ordered.outcomes, ordered.waits) == ([BEGUN, Outcome.REFUSED, BEGUN], True)
        (done,) = replay.done_before(ordered.home)
        assert (done.outcome, done.is_settled, bool(done.statement)) == (Outcome.REFUSED, False, True)
    assert ordered.refused == 1
    ordered.machine.pass_time(hours=1)
    ordered.turn()
    assert (ordered.outcomes[2:], ordered.waits, ordered.refused) == ([BEGUN, Outcome.REFUSED], False, 2)
    (done,) = replay.done_before(ordered.home)
    assert done.is_settled


def test_a_gate_that_ended_between_note_and_commit_carries_out(ordered: Ordered) -> None:
    """The journal has an outcome and the store has not: the record is still stopped, so the order counts."""
    replay.note(ordered.home, ordered.order, BEGUN, NOW_MS)
    replay.note(ordered.home, ordered.order, str(Outcome.FORWARDED), NOW_MS, b"stated")
    ordered.turn()
    assert ordered.outcomes[2:] == [BEGUN, Outcome.REFUSED]
    assert (ordered.waits, ordered.refused) == (False, 2)


def test_an_order_of_one_person_is_taken_away_unseen(ordered: Ordered) -> None:
    """It is nothing: the journal has no line, and the record stays as it is."""
    asked = ordered.order.request.asked
    (file,) = replay.waiting(ordered.home)
    file.write_text(file.read_text().replace("Boris Example", asked.name))
    assert replay.read_order(file).approved == Person(asked.name, "boris", NOW_MS + 1)
    ordered.turn()
    assert ((ordered.home / JOURNAL).exists(), ordered.waits, ordered.refused) == (False, False, 1)


def test_a_journal_that_cannot_be_written_keeps_the_order(ordered: Ordered) -> None:
    """Nothing is decided that nobody can prove; it is carried out as soon as the journal can be written."""
    (ordered.home / JOURNAL).mkdir()
    ordered.turn(3, hours=0)
    assert (ordered.waits, ordered.refused) == (True, 1)
    (ordered.home / JOURNAL).rmdir()
    ordered.turn()
    assert (ordered.outcomes, ordered.waits, ordered.refused) == ([BEGUN, Outcome.REFUSED], False, 2)
