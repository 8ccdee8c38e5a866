"""What a restored office says to the others: once to each with whom something arrived, again while nobody answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.core.bounds import TIME_MS
from refbus.core.vocabulary import EventType
from refbus.wire.payload import decode_payload
from refbus_gateway.outbox import announced, announcements
from refbus_gateway.store import referrals
from refbus_gateway.sync import writer
from support.ceremonies import SHELTER
from support.comeback import Comeback, sealed, words_of
from support.gateways import Pair, case_file, sent

E = EventType


@pytest.fixture
def comeback(own: Pair, tmp_path: Path) -> Comeback:
    """Give the backups of an office."""
    return Comeback(own.world, tmp_path)


def told(own: Pair) -> dict[str, bool]:
    """Return who was told of the agency's restore, and whether they have answered."""
    with own.kz.store.read() as tx:
        known = announced.find(tx)
    return {} if known is None else {org: said.answered_ms is not None for org, said in known.to.items()}


def test_a_home_that_was_not_restored_says_nothing(own: Pair) -> None:
    """Nothing is queued, and nothing is kept."""
    sent(own.kz)
    own.exchange()
    assert sealed(own.kz)[E.OFFICE_RESTORED] == 0
    assert told(own) == {}


def test_each_organisation_hears_it_once_with_the_time_of_the_backup(own: Pair, comeback: Comeback) -> None:
    """In one course of however many, before anybody has confirmed, with the margin of a clock and nothing of a case."""
    for number in range(2):
        sent(own.kz, case_file(about=f"Fictional: {number}"))
    own.exchange()
    comeback.back_up(own.kz)
    made_ms = own.world.clock()
    own.kz = comeback.come_back(own.kz)
    assert told(own) == {SHELTER: False}
    own.exchange()
    assert told(own) == {SHELTER: True}
    assert words_of(own.uz, outgoing=False) == ["RESTORED"]
    with own.uz.store.read() as tx:
        events = [event for course in referrals.every(tx) for event in referrals.events_of(tx, course)]
    (said,) = [each for each in events if each.block.event_type is E.OFFICE_RESTORED and not each.outgoing]
    payload = decode_payload(said.payload)[1]
    assert made_ms - 3_600_000 <= payload["since_ms"] <= made_ms
    assert (said.block.actions, said.block.data_categories, said.block.consent_record) == ((), (), None)


def test_a_backup_of_a_clock_that_was_ahead_asks_for_everything(own: Pair, comeback: Comeback) -> None:
    """It says nothing of the time since, so all of it may be forgotten."""
    sent(own.kz)
    own.exchange()
    own.world.clock.move(hours=10)
    comeback.back_up(own.kz)
    own.world.clock.move(hours=-10)
    own.kz = comeback.come_back(own.kz)
    own.exchange()
    with own.kz.store.read() as tx:
        known = announced.find(tx)
        assert known is not None
        event = referrals.event(tx, known.to[SHELTER].event_row)
    assert decode_payload(event.payload)[1]["since_ms"] == TIME_MS.low


def test_nobody_hears_it_of_whom_nothing_is_known(own: Pair, comeback: Comeback) -> None:
    """Without a course in which something has arrived there is nobody to tell."""
    comeback.back_up(own.kz)
    own.kz = comeback.come_back(own.kz)
    own.exchange()
    assert told(own) == {}


def test_without_an_answer_it_goes_again_each_day_for_thirty_days(own: Pair, comeback: Comeback) -> None:
    """The same event in a fresh envelope, so that who has it recognises it; then only people can ask."""
    sent(own.kz)
    own.exchange()
    comeback.back_up(own.kz)
    own.kz = comeback.come_back(own.kz)
    assert sealed(own.kz)[E.OFFICE_RESTORED] == 1
    own.world.clock.move(hours=25)
    with own.kz.store.read() as tx:
        (row,) = announced.unanswered(tx, own.world.clock())
        assert announced.unanswered(tx, own.world.clock() + 31 * 86_400_000) == []
    notices = [own.world.sync(own.kz) for _ in range(2)]
    writer.tend(own.kz)
    assert len(notices) == 2
    own.exchange()
    assert words_of(own.uz, outgoing=False) == ["RESTORED"]
    with own.kz.store.read() as tx:
        assert announced.unanswered(tx, own.world.clock()) == []
        assert not announcements.answered(tx, SHELTER, bytes(16), own.world.clock())
    assert row > 0
