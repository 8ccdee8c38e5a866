"""Events that wait: why, what waits behind them, how they end."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from refbus.bus.port import Record
from refbus.core.gate.passage import Outcome
from refbus.core.gate.verdicts import Verdict
from refbus.core.units import HOUR_MS
from refbus.wire.transport import NoticeKind, NoticeOutcome
from refbus_gate.clock import holds
from refbus_gate.decide.batch import Source, verdict_of
from refbus_gate.decide.effects import Batch
from refbus_gate.decide.opening import Opened
from refbus_gate.decide.state import View
from support.directories import agency, ngo
from support.envelopes import NOW_HOUR, fixed, sealed
from support.gates import World

pytestmark = pytest.mark.both_stores


def test_an_event_that_names_a_newer_directory_waits_for_it(world: World) -> None:
    """It is held, and goes on by itself once the directory is there."""
    raw = sealed(world.fed, world.block(), directory_version=2)
    world.outbox("kz", raw)
    world.settle()
    assert world.nodes["kz"].balance().total(Outcome.HELD) == 1
    assert world.events(ngo("uz")) == []
    world.fed = world.fed.next_version()
    assert world.nodes["kz"].redecider.holds() == 1
    world.settle()
    assert world.events(ngo("uz")) == [raw]
    balance = world.nodes["kz"].balance()
    assert (balance.total(Outcome.HELD), set(balance.difference.values())) == (0, {0})


def test_the_sender_hears_of_a_hold_and_of_its_end(world: World) -> None:
    """A clock that is ahead holds the event with CLOCK_SKEW; when time has come, it goes on."""
    ahead = world.now_ms + HOUR_MS
    world.outbox("kz", world.event(occurred_at_ms=ahead, respond_by_ms=None))
    world.settle()
    assert [(each.kind, each.outcome, each.codes) for each in world.notices(agency("kz"))] == [
        (NoticeKind.RECEIPT, NoticeOutcome.HELD, ("CLOCK_SKEW",))
    ]
    world.now_ms = ahead
    world.nodes["kz"].redecider.holds()
    world.settle()
    assert world.notices(agency("kz"))[-1].outcome is NoticeOutcome.FORWARDED


def test_later_events_of_the_case_wait_behind(world: World) -> None:
    """Order within a case is kept: the second waits with CASE_HELD and follows the first."""
    ahead = world.now_ms + HOUR_MS
    first = world.event("one", occurred_at_ms=ahead, respond_by_ms=None)
    same_case = {"referral_id": fixed("referral one"), "case_handle": fixed("case one", 32)}
    second = world.event("two", event_type="InformationProvided", previous=fixed("one"), **same_case)
    other = world.event("three")
    for raw in (first, second, other):
        world.outbox("kz", raw)
    world.settle()
    assert world.events(ngo("uz")) == [other]
    assert world.notices(agency("kz"))[1].codes == ("CASE_HELD",)
    world.now_ms = ahead
    assert world.nodes["kz"].redecider.holds() == 2
    world.settle()
    assert world.events(ngo("uz")) == [other, first, second]


def test_a_withdrawal_waits_for_nothing(world: World) -> None:
    """A withdrawal of a case that is held goes through at once, and what waited is refused."""
    ahead = world.now_ms + HOUR_MS
    world.outbox("kz", world.event("one"))
    world.settle()
    same_case = {"referral_id": fixed("referral one"), "case_handle": fixed("case one", 32)}
    held = world.event("two", event_type="InformationProvided", occurred_at_ms=ahead, respond_by_ms=None, **same_case)
    world.outbox("kz", held)
    gone = world.withdrawal("one")
    world.outbox("kz", gone)
    world.settle()
    assert world.events(ngo("uz"))[-1] == gone
    world.now_ms = ahead
    world.nodes["kz"].redecider.holds()
    world.settle()
    assert "WITHDRAWN" in world.notices(agency("kz"))[-1].codes


BARE: dict[str, object] = {"data_categories": (), "consent_record": None}
SAME_CASE = {"referral_id": fixed("referral one"), "case_handle": fixed("case one", 32)}


@pytest.mark.parametrize("kind", ["ReferralCancelled", "EnteredInError"])
def test_a_request_that_was_taken_back_while_it_waited_goes_nowhere(world: World, kind: str) -> None:
    """The cancellation counts from the moment at which it is read, though it waits behind the request in its case."""
    ahead = world.now_ms + HOUR_MS
    world.outbox("kz", world.event("one", occurred_at_ms=ahead, respond_by_ms=None))
    world.outbox("kz", world.event("two", event_type=kind, previous=fixed("one"), **BARE, **SAME_CASE))
    world.settle()
    assert [each.outcome for each in world.notices(agency("kz"))] == [NoticeOutcome.HELD] * 2
    world.now_ms = ahead
    assert world.nodes["kz"].redecider.holds() == 2
    world.settle()
    assert world.events(ngo("uz")) == []
    assert "STATE_NOT_ALLOWED" in world.notices(agency("kz"))[2].codes
    world.outbox("kz", world.event("one", respond_by_ms=None))  # sealed once more
    world.settle()
    assert world.events(ngo("uz")) == []
    world.outbox("kz", world.event("three"))
    world.settle()
    assert len(world.events(ngo("uz"))) == 1


def test_a_cancellation_waits_behind_nothing_of_a_course_that_has_begun(world: World) -> None:
    """It goes through at once, and what waited of the course is refused at its time."""
    ahead = world.now_ms + HOUR_MS
    world.outbox("kz", world.event("one"))
    world.settle()
    held = world.event("two", event_type="InformationProvided", occurred_at_ms=ahead, respond_by_ms=None, **SAME_CASE)
    world.outbox("kz", held)
    gone = world.event("three", event_type="ReferralCancelled", previous=fixed("one"), **BARE, **SAME_CASE)
    world.outbox("kz", gone)
    world.settle()
    assert world.events(ngo("uz"))[-1] == gone
    world.now_ms = ahead
    world.nodes["kz"].redecider.holds()
    world.settle()
    assert world.events(ngo("uz"))[-1] == gone
    assert "STATE_NOT_ALLOWED" in world.notices(agency("kz"))[-1].codes


def test_a_hold_ends_with_its_envelope(world: World) -> None:
    """At the deadline the event is refused, and the sender is told why it had waited."""
    raw = world.event(occurred_at_ms=world.now_ms + 200 * HOUR_MS, respond_by_ms=None)
    world.outbox("kz", raw)
    world.settle()
    world.now_ms = (NOW_HOUR + 168) * HOUR_MS
    assert world.nodes["kz"].redecider.holds() == 1
    world.settle()
    balance = world.nodes["kz"].balance()
    assert (balance.total(Outcome.HELD), balance.total(Outcome.REFUSED)) == (0, 1)


def test_a_resend_of_a_held_event_is_told_that_it_is_held(world: World) -> None:
    """A duplicate of a waiting event is answered HELD."""
    raw = world.event(occurred_at_ms=world.now_ms + HOUR_MS, respond_by_ms=None)
    world.outbox("kz", raw)
    world.outbox("kz", raw)
    world.settle()
    assert [each.outcome for each in world.notices(agency("kz"))] == [NoticeOutcome.HELD] * 2


def test_a_stamp_by_an_unknown_key_waits_for_the_directory(world: World) -> None:
    """The directory of uz may be behind the new key of the gate of kz: the event is held, not lost."""
    raw = world.event()
    world.nodes["uz"].bus.put("uz.border.kz", world.stamped(raw, pair=world.new_gate_pair("kz")))
    world.settle()
    assert world.nodes["uz"].balance().total(Outcome.HELD) == 1
    world.fed = world.with_new_gate_pair("kz")
    world.nodes["uz"].redecider.holds()
    world.settle()
    assert world.events(ngo("uz")) == [raw]


def test_two_records_of_one_event_that_waited_give_one_event(world: World) -> None:
    """The same signed bytes held under two stamps are forwarded once."""
    raw = world.event()
    pair = world.new_gate_pair("kz")
    for hour in (NOW_HOUR, NOW_HOUR + 1):
        world.nodes["uz"].bus.put("uz.border.kz", world.stamped(raw, pair=pair, hour=hour))
    world.settle()
    world.fed = world.with_new_gate_pair("kz")
    assert world.nodes["uz"].redecider.holds() == 2
    world.settle()
    assert world.events(ngo("uz")) == [raw]
    assert set(world.nodes["uz"].balance().difference.values()) == {0}


class Openings:
    """Counts how often held events of a country are opened."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        self.number = 0
        core = world.nodes["kz"].core
        again = core.open_again

        def open_again(source: Source, batch: Batch, records: Sequence[Record]) -> list[Opened]:
            self.number += len(records)
            return again(source, batch, records)

        patch.setattr(core, "open_again", open_again)


def test_what_waits_is_opened_only_when_what_it_waits_for_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand looks without a change open nothing; a version, a time and an earlier event open their own."""
    later = world.now_ms + HOUR_MS
    world.outbox("kz", sealed(world.fed, world.block("a"), directory_version=3))
    world.outbox("kz", world.event("b", occurred_at_ms=later, respond_by_ms=None))
    same_case = {"referral_id": fixed("referral b"), "case_handle": fixed("case b", 32)}
    world.outbox("kz", world.event("c", event_type="InformationProvided", previous=fixed("b"), **same_case))
    world.settle()
    openings, redecider = Openings(world, monkeypatch), world.nodes["kz"].redecider
    for _ in range(1_000):
        assert redecider.holds() == 0
    assert openings.number == 0
    world.fed = world.fed.next_version()  # the second: the third is waited for
    assert (redecider.holds(), openings.number) == (0, 0)
    world.fed = world.fed.next_version()
    assert (redecider.holds(), openings.number) == (1, 1)
    world.now_ms = later
    assert (redecider.holds(), openings.number) == (2, 3)


def test_an_event_that_was_opened_in_vain_is_looked_at_more_and_more_rarely(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no time can be named, a day of looking every second opens it a few dozen times at most."""
    world.outbox("kz", world.event("first"))
    world.settle()
    world.now_ms -= 2 * HOUR_MS  # the clock is behind the directory: what lives too long by it is held
    block = world.block("second", occurred_at_ms=world.now_ms, respond_by_ms=None)
    world.outbox("kz", sealed(world.fed, block, expires_at_hour=NOW_HOUR + 721))
    world.settle()
    assert world.nodes["kz"].balance().total(Outcome.HELD) == 1
    openings, started = Openings(world, monkeypatch), world.now_ms
    behind = world.now_ms
    for minute in range(24 * 60):
        world.now_ms = started + minute  # time hardly moves: only the pauses of the gate count
        world.nodes["kz"].redecider.holds()
    assert openings.number <= 1
    for minute in range(50):
        world.now_ms = behind + minute * 60_000
        world.nodes["kz"].redecider.holds()
    assert 2 <= openings.number <= 7


def test_at_its_deadline_an_event_ends_whatever_it_waits_for(world: World) -> None:
    """A version that never comes, a time that is too far off and an earlier event of the case: all three end."""
    far = world.now_ms + 400 * HOUR_MS
    world.outbox("kz", sealed(world.fed, world.block("a"), directory_version=999_999_999))
    world.outbox("kz", world.event("b", occurred_at_ms=far, respond_by_ms=None))
    same_case = {"referral_id": fixed("referral b"), "case_handle": fixed("case b", 32)}
    world.outbox("kz", world.event("c", event_type="InformationProvided", previous=fixed("b"), **same_case))
    world.settle()
    world.now_ms = (NOW_HOUR + 168) * HOUR_MS
    assert world.nodes["kz"].redecider.holds() == 3
    world.settle()
    ends = [each.codes for each in world.notices(agency("kz")) if each.kind is NoticeKind.REFUSAL]
    assert ends == [("HOLD_EXPIRED", "MESSAGE_EXPIRED")] * 3


def test_any_number_of_events_may_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those behind many others have their turn too."""
    monkeypatch.setattr(holds, "_PAGE", 2)
    for name in "abcde":
        world.outbox("kz", sealed(world.fed, world.block(name), directory_version=2))
    world.settle()
    world.fed = world.fed.next_version()
    assert world.nodes["kz"].redecider.holds() == 5


def test_a_slice_is_bounded_and_takes_one_of_each_sender_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of twenty events of one sender and one of another, two are decided: one of each."""
    for number in range(20):
        world.outbox("kz", sealed(world.fed, world.block(f"many {number}", sender=ngo("kz")), directory_version=2))
    world.outbox("kz", sealed(world.fed, world.block("one"), directory_version=2))
    world.settle()
    world.fed = world.fed.next_version()
    monkeypatch.setattr(holds, "_MOST", 2)
    monkeypatch.setattr(holds, "_PAGE", 2)
    assert world.nodes["kz"].redecider.holds() == 2
    world.settle()
    assert len(world.events(ngo("uz"))) == 1
    assert world.nodes["kz"].balance().total(Outcome.HELD) == 19


def test_a_held_event_on_which_the_code_fails_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays where it is and is looked at later; the gate goes on."""
    for name in ("bad", "good"):
        world.outbox("kz", sealed(world.fed, world.block(name), directory_version=2))
    world.settle()
    world.fed = world.fed.next_version()

    def faulty(opened: Opened, view: View, batch: Batch, *, resumed: bool = False) -> Verdict:
        if opened.block is not None and opened.block.event_id == fixed("bad"):
            raise ZeroDivisionError
        return verdict_of(opened, view, batch, resumed=resumed)

    monkeypatch.setattr(holds, "verdict_of", faulty)
    assert world.nodes["kz"].redecider.holds() == 1
    monkeypatch.undo()
    world.now_ms += holds.WAITS.first_ms
    assert world.nodes["kz"].redecider.holds() == 1


def test_a_stamp_by_an_unknown_key_waits_for_more_than_one_version(world: World) -> None:
    """The next version need not be the one that has the key: it waits for its day."""
    raw = world.event()
    world.nodes["uz"].bus.put("uz.border.kz", world.stamped(raw, pair=world.new_gate_pair("kz")))
    world.settle()
    world.fed = world.fed.next_version()
    assert world.nodes["uz"].redecider.holds() == 0
    world.now_ms += holds.WAITS.first_ms
    world.fed = world.with_new_gate_pair("kz")
    assert world.nodes["uz"].redecider.holds() == 1
    world.settle()
    assert world.events(ngo("uz")) == [raw]
