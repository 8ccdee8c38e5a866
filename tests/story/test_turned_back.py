"""A request of a family that the own gate turned back arrives yet, and a no that came meanwhile is told behind it."""

from __future__ import annotations

import pytest

from refbus.core.vocabulary import EventType
from refbus.errors import Code
from refbus.wire.payload import identity_of
from refbus.wire.transport import StoppedRecord
from refbus_gate.decide import quotas
from refbus_gateway.actions import links
from refbus_gateway.consent import withdrawals
from refbus_gateway.erasure import demand
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import course_state
from refbus_gateway.store import cases, referrals
from refbus_gateway.store import links as link_rows
from refbus_gateway.store.referrals import Event, EventStatus
from support.desks import desk_of
from support.gateways import case_file, consent_file, new_case, refer, take_consent
from support.homecoming import CHILD_CONSENT
from support.nodes import Road
from support.replays import newest_refused, refused_by, replay

BABY = {"prs_FirstName": "Тўқима бола", "prs_Birthdate": "2026-05-01", "is_minor": True}
GUARDIAN = {name: value for name, value in CHILD_CONSENT.items() if name != "majority_on"} | {"assent": "NOT_REQUIRED"}


def family(own: Road, person: dict[str, object] = BABY, *, sync: bool = True) -> tuple[int, int, int]:
    """Refer a mother with her baby to the shelter; return both cases and the referral, sent to the own gate."""
    mother = new_case(own.kz, case_file(about="Fictional: mother"))
    baby = new_case(own.kz, case_file(about="Fictional: baby", person=person))
    links.link(*desk_of(own, own.kz), mother, [baby], "CHILD")
    take_consent(own.kz, mother, consent_file())
    take_consent(own.kz, baby, consent_file(**GUARDIAN))
    own.settle()
    own.clock.move(hours=1)
    number = refer(own.kz, mother)
    if sync:
        own.sync(own.kz)
    return mother, baby, number


def begun(gateway: Gateway, number: int) -> Event:
    """Return the request of a referral as it is kept."""
    with gateway.store.read() as tx:
        return referrals.events_of(tx, referrals.get(tx, number))[0]


def say_no(own: Road, case: int) -> None:
    """Take a no of the person of a case."""
    with own.kz.store.write() as tx:
        withdrawals.withdraw(own.kz, tx, cases.get(tx, case), None)
    own.sync(own.kz)


def turn_back(own: Road, monkeypatch: pytest.MonkeyPatch) -> StoppedRecord:
    """Let the own gate decide while it has no room for the first that would wait; return what it refused."""
    own.clock.move(hours=-1)  # the request is from the future now, so it would wait
    answers = iter([False])
    with monkeypatch.context() as patch:
        patch.setattr(quotas.Room, "holds", lambda *_: next(answers, True))
        own.nodes["kz"].work()
    own.clock.move(hours=1)
    kept = newest_refused(own, "kz")
    assert kept.codes == (Code.TOO_MANY_WAITING,)
    return kept


def wait(own: Road) -> None:
    """Let a day pass, in which everybody works."""
    own.settle()
    for _ in range(4):
        own.clock.move(hours=7)
        own.settle()


def arrived(own: Road) -> list[tuple[EventType, int]]:
    """Return what the shelter took in of the course, and of how many others each event tells."""
    with own.uz.store.read() as tx:
        events = [one for found in referrals.every(tx) for one in referrals.events_of(tx, found) if not one.outgoing]
        return [(one.block.event_type, len(course_state.payload_of(one).get("companions") or ())) for one in events]


BOTH = [(EventType.REFERRAL_REQUESTED, 1), (EventType.COMPANIONS_CHANGED, 0)]


def test_what_is_left_of_a_request_names_the_schema_that_it_is_written_in(own: Road) -> None:
    """The baby's stated age needs a newer one than the mother alone, whom the request tells of after its no."""
    baby = {"prs_FirstName": "Тўқима бола", "stated_age": 0, "stated_age_on": "2026-09-01", "is_minor": True}
    _, case, number = family(own, baby, sync=False)
    before = begun(own.kz, number).block.payload_fingerprint
    say_no(own, case)
    event = begun(own.kz, number)
    assert (event.block.event_type, *identity_of(event.payload)[1:]) == (
        EventType.REFERRAL_REQUESTED,
        event.block.payload_fingerprint,
        event.block.payload_schema_sha256,
    )
    assert event.block.payload_fingerprint != before
    own.settle()
    assert arrived(own) == [(EventType.REFERRAL_REQUESTED, 0)]


@pytest.mark.parametrize("replayed", [False, True])
def test_a_no_after_a_request_was_turned_back_is_told_behind_it(
    own: Road, monkeypatch: pytest.MonkeyPatch, replayed: bool
) -> None:
    """The request keeps the content that the gate knows, so it arrives; the change follows, and nothing is refused."""
    _, baby, number = family(own)
    kept = turn_back(own, monkeypatch)
    own.sync(own.kz)
    say_no(own, baby)
    if replayed:
        replay(own, "kz", kept)
    wait(own)
    assert arrived(own) == BOTH
    with own.kz.store.read() as tx:
        events = referrals.events_of(tx, referrals.get(tx, number))
        assert {one.status for one in events if one.outgoing} == {EventStatus.SENT}


@pytest.mark.parametrize("replayed", [False, True])
def test_a_no_before_the_office_hears_of_a_refusal_is_told_in_the_end(
    own: Road, monkeypatch: pytest.MonkeyPatch, replayed: bool
) -> None:
    """The change went at once, behind a request that is refused: it is told again when the request came through."""
    _, baby, _ = family(own)
    say_no(own, baby)
    kept = turn_back(own, monkeypatch)
    own.settle()
    if replayed:
        replay(own, "kz", kept)
    wait(own)
    assert arrived(own) == BOTH


@pytest.mark.parametrize("replayed", [False, True])
def test_a_request_that_was_turned_back_arrives(own: Road, monkeypatch: pytest.MonkeyPatch, replayed: bool) -> None:
    """Nobody said no: it is the same request, once."""
    family(own)
    kept = turn_back(own, monkeypatch)
    own.sync(own.kz)
    if replayed:
        replay(own, "kz", kept)
    wait(own)
    assert arrived(own) == BOTH[:1]


@pytest.mark.parametrize("gate", ["kz", "uz"])
@pytest.mark.parametrize("word", ["no", "unlinked", "erased"])
def test_what_ended_while_a_request_was_refused_is_told_when_it_is_let_through(own: Road, gate: str, word: str) -> None:
    """A gate refused the request for good, then the baby belonged to it no more, then operators let it through."""
    mother, baby, _ = family(own)
    kept = refused_by(own, gate)
    if word == "no":
        say_no(own, baby)
    elif word == "unlinked":
        links.unlink(*desk_of(own, own.kz), mother, baby)
    else:
        demand.erase(own.kz, baby)
    own.settle()
    replay(own, gate, kept)
    wait(own)
    assert arrived(own) == BOTH
    with own.kz.store.read() as tx:
        assert link_rows.stale_cases(tx) == []
