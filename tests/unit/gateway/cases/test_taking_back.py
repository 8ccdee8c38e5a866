"""What referrals say of somebody who said no is taken back wherever it can be, and no promise is left half kept."""

from __future__ import annotations

import itertools
from contextlib import closing

import pytest
from sqlalchemy import text

from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code, RefbusError
from refbus_gateway.actions import links
from refbus_gateway.cases import casework, companions
from refbus_gateway.consent import withdrawals
from refbus_gateway.rules import course_state
from refbus_gateway.store import cases, disclosures, referrals
from refbus_gateway.store import links as rows
from refbus_gateway.store.referrals import EventStatus
from refbus_gateway.sync import writer
from support.ceremonies import SHELTER
from support.desks import desk_of
from support.gateways import CATEGORIES, Pair, alarm_codes, case_file, consent_file, new_case, refer, take_consent
from support.homecoming import CHILD_CONSENT

OTHER = OrgId("kg-she1ter1")
THIRD = OrgId("uz-1ega1a1d")
BABY = {"prs_FirstName": "Тўқима бола", "prs_Birthdate": "2026-05-01", "is_minor": True}
GUARDIAN = {name: value for name, value in CHILD_CONSENT.items() if name != "majority_on"} | {"assent": "NOT_REQUIRED"}
_TURN = itertools.count()
NO_FAMILY = [str(each) for each in CATEGORIES if each is not DataCategory.FAMILY]


def family(pair: Pair, children: int = 1) -> list[int]:
    """Make the cases of a mother and her children, linked, each with a consent towards the shelter."""
    mother = new_case(pair.kz, case_file(about=f"Fictional: mother {next(_TURN)}"))
    babies = [new_case(pair.kz, case_file(about=f"Fictional: {next(_TURN)}", person=BABY)) for _ in range(children)]
    links.link(*desk_of(pair.world, pair.kz), mother, babies, "CHILD")
    take_consent(pair.kz, mother, consent_file())
    for baby in babies:
        take_consent(pair.kz, baby, consent_file(**GUARDIAN))
    return [mother, *babies]


def withdraw(pair: Pair, case: int, only: OrgId | None = None) -> None:
    """Take a no of the person of a case, and let it be told."""
    with pair.kz.store.write() as tx:
        withdrawals.withdraw(pair.kz, tx, cases.get(tx, case), only)
    pair.exchange()


def said(pair: Pair, number: int) -> list[int]:
    """Return of how many others each change told in a referral."""
    with pair.kz.store.read() as tx:
        events = referrals.events_of(tx, referrals.get(tx, number))
        changes = [one for one in events if one.block.event_type is EventType.COMPANIONS_CHANGED]
        return [len(course_state.payload_of(one)[companions.FIELD]) for one in changes]


def stale(pair: Pair) -> list[int]:
    """Return the cases that still have something to take back."""
    with pair.kz.store.read() as tx:
        return rows.stale_cases(tx)


def told_to(pair: Pair, case: int, org: OrgId) -> int:
    """Return of how many others a referral would tell an organisation."""
    with pair.kz.store.read() as tx:
        return len(companions.to_tell(tx, cases.get(tx, case), org))


def test_a_recipient_that_may_hear_nothing_keeps_no_other_from_hearing(pair: Pair) -> None:
    """The mother withdrew at one of two; what both were told of her child is taken back at the other."""
    mother, baby = family(pair)
    take_consent(pair.kz, mother, consent_file(OTHER))
    take_consent(pair.kz, baby, consent_file(OTHER, **GUARDIAN))
    first, second = refer(pair.kz, mother, to=OTHER), refer(pair.kz, mother)
    with closing(pair.world.gateway(OTHER)) as there:
        pair.world.exchange(pair.kz, pair.uz, there)
        withdraw(pair, mother, OTHER)
        pair.world.exchange(pair.kz, there)
    withdraw(pair, baby)
    assert (said(pair, first), said(pair, second)) == ([], [0])


def test_two_who_both_withdrew_leave_no_alarm_and_nothing_undone(pair: Pair) -> None:
    """Of neither can more be said. When one is asked anew and says yes, what is no longer so is taken back then."""
    mother, baby = family(pair)
    here = refer(pair.kz, mother)
    pair.exchange()
    withdraw(pair, mother)
    before = alarm_codes(pair.kz)
    withdraw(pair, baby)
    assert (stale(pair), said(pair, here), alarm_codes(pair.kz)) == ([], [], before)
    pair.world.clock.move(hours=1)
    take_consent(pair.kz, mother, consent_file())
    pair.exchange()
    assert said(pair, here) == [0]


def test_who_permits_no_family_any_more_is_said_to_have_none(pair: Pair) -> None:
    """One of two children says no after the mother narrowed her yes: the one who is left may not be named either."""
    mother, baby, _ = family(pair, children=2)
    here = refer(pair.kz, mother)
    pair.exchange()
    pair.world.clock.move(hours=1)
    rule = {"purposes": ["REFERRAL_SERVICES"], "actions": ["DISCLOSE", "REPORT_BACK"], "data_categories": NO_FAMILY}
    take_consent(pair.kz, mother, consent_file(permit=[rule]))
    pair.exchange()
    withdraw(pair, baby)
    assert (said(pair, here), stale(pair)) == ([0], [])


def test_who_took_everything_back_is_named_to_nobody_new(pair: Pair) -> None:
    """An organisation that was never asked about is told nothing; with a yes somewhere it is."""
    mother, baby = family(pair)
    assert told_to(pair, mother, THIRD) == 1
    withdraw(pair, baby)
    assert (told_to(pair, mother, SHELTER), told_to(pair, mother, THIRD)) == (0, 0)


def carried(pair: Pair, here: int) -> list[bytes] | None:
    """Return the references of others in what the recipient has of a referral, in order; None: it has nothing."""
    with pair.kz.store.read() as tx:
        referral_id = referrals.get(tx, here).referral_id
    with pair.uz.store.read() as tx:
        found = referrals.find(tx, referral_id)
        if found is None:
            return None
        events = referrals.events_of(tx, found)
        told = [course_state.payload_of(one) for one in events if one.block.event_type in companions.TELLS]
    return [bytes(one["reference"]) for payload in told for one in payload.get(companions.FIELD) or ()]


STOPS = ("withdrawn", "denied", "unlinked", "erased", "narrowed")


def stop(pair: Pair, how: str, mother: int, baby: int) -> None:
    """Let the child, who belongs to the mother, be told to the shelter no more; nothing is synchronised."""
    if how == "narrowed":
        rule = {"purposes": ["REFERRAL_SERVICES"], "actions": ["DISCLOSE", "REPORT_BACK"], "data_categories": NO_FAMILY}
        take_consent(pair.kz, mother, consent_file(permit=[rule]))
        return
    with pair.kz.store.write() as tx:
        case = cases.get(tx, baby)
        if how == "withdrawn":
            withdrawals.withdraw(pair.kz, tx, case, None)
        elif how == "denied":
            casework.deny(tx, case, [SHELTER])
        elif how == "unlinked":
            rows.end(tx, mother, baby)
        else:
            cases.order_erasure(tx, case, pair.kz.now_ms())


@pytest.mark.parametrize("how", STOPS)
def test_a_request_that_has_not_left_goes_without_who_said_no(pair: Pair, how: str) -> None:
    """What is sent later is the same request, without the reference; nothing behind it tells that there was one."""
    mother, baby = family(pair)
    here = refer(pair.kz, mother)
    pair.world.clock.move(hours=1)
    stop(pair, how, mother, baby)
    pair.exchange()
    with pair.kz.store.read() as tx:
        events = referrals.events_of(tx, referrals.get(tx, here))
        (kept,) = [one for one in disclosures.of_case(tx, cases.get(tx, mother)) if one.event_row == events[0].id]
    told = [one.block.event_type for one in events if one.block.event_type in companions.TELLS]
    if how == "narrowed":  # the case itself has facts of the family, which she permits no more
        assert (carried(pair, here), events[0].status) == (None, EventStatus.REFUSED)
        return
    assert (carried(pair, here), told) == ([], [EventType.REFERRAL_REQUESTED])
    assert kept.categories == events[0].block.data_categories


@pytest.mark.parametrize("how", STOPS[:4])
def test_no_envelope_leaves_before_it_is_corrected(pair: Pair, how: str) -> None:
    """Whoever sends right after the no, without looking after what waits, sends nothing of that referral."""
    mother, baby = family(pair)
    here = refer(pair.kz, mother)
    pair.world.clock.move(hours=1)
    stop(pair, how, mother, baby)
    outgoing = writer.Outgoing(pair.kz, pair.world.bus.producer())
    while outgoing.push(early=True):
        pass
    pair.world.carry()
    pair.world.sync(pair.uz)
    assert carried(pair, here) is None


@pytest.mark.parametrize("erased", [True, False])
def test_a_half_that_ended_names_nobody(pair: Pair, erased: bool) -> None:
    """While what was told is not yet taken back, not even this home can find out of whom it was."""
    mother, baby = family(pair)
    with pair.kz.store.write() as tx:
        known = {tx.vault.hash("link", str(number).encode()) for number in (mother, baby)}
        if erased:
            cases.order_erasure(tx, cases.get(tx, mother), pair.kz.now_ms())
        else:
            rows.end(tx, mother, baby)
        query = text("SELECT other_hash, body FROM links WHERE case_id IN (:mother, :baby)")
        kept = tx.connection.execute(query, {"mother": mother, "baby": baby}).all()
    assert kept
    assert all(bytes(row.body) == b"" and bytes(row.other_hash) not in known for row in kept)


def test_a_link_that_cannot_be_read_lets_nobody_leave(pair: Pair) -> None:
    """It may be of a child who travels along; a referral goes on and tells nothing of it."""
    mother, _ = family(pair)
    with pair.kz.store.write() as tx:
        broken = text("UPDATE links SET body = zeroblob(120) WHERE case_id = :mother")
        tx.connection.execute(broken, {"mother": mother})
    with pair.kz.store.read() as tx:
        case = cases.get(tx, mother)
        assert companions.links_of(tx, case) == []
        with pytest.raises(RefbusError) as refused:
            companions.travellers(tx, case)
    assert refused.value.code is not Code.INTERNAL_ERROR
