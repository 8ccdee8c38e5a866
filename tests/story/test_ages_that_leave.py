"""What an office lets leave about an age, its recipient takes in, whatever kind of event says it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import pytest

from refbus.core.consent.legal_basis import Ground, Incapacity, Protects
from refbus.core.courses.machine import Role
from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code, ConsentError
from refbus.wire.payload import payload_fields
from refbus_gateway.courses import emergencies
from refbus_gateway.courses.emergencies import Decision
from refbus_gateway.forms.problems import CaseInvalidError
from refbus_gateway.people import officers
from refbus_gateway.reports.overview import Hop
from refbus_gateway.rules import course_state
from refbus_gateway.store import cases, referrals, set_aside
from refbus_gateway.store.set_aside import AsideState
from support.gateways import case_file, consent_file, id_of, incoming, line, new_case, refer, take_consent
from support.homecoming import CHILD_CONSENT, E, Homecoming
from support.nodes import Road, road_with_officers

NAME = {"prs_FirstName": "Тўқима шахс"}
DAY: Final = "2026-09-01"
THIRTY = {"stated_age": 30, "stated_age_on": DAY, "stated_age_estimated": True}
BAND = {"stated_age": 16, "stated_age_to": 25, "stated_age_on": DAY, "stated_age_estimated": False}
OPEN_YEAR = {"prs_Birthdate": "2008"}
JUDGED = {"reason": "Fictional: has grown children", "judged_by_role": "CASE_MANAGER"}
GUARDIAN = {name: value for name, value in CHILD_CONSENT.items() if name != "majority_on"}
ADULTS: Final[dict[str, dict[str, Any]]] = {
    "born": {"person": {**NAME, "prs_Birthdate": "1991"}},
    "judged, by an estimate": {"person": {**NAME, **THIRTY}, "adult_judgement": JUDGED},
    "judged, by a band": {"person": {**NAME, **BAND}, "adult_judgement": JUDGED},
    "judged, by a year": {"person": {**NAME, **OPEN_YEAR}, "adult_judgement": JUDGED},
    "judged, by nothing": {"person": NAME, "adult_judgement": JUDGED},
}
CHILDREN: Final[dict[str, dict[str, Any]]] = {
    "a child": {"person": {**NAME, "prs_Birthdate": "2015"}},
    "a stated child": {"person": {**NAME, "stated_age": 12, "stated_age_on": DAY, "stated_age_estimated": True}},
}
SAID: Final[list[dict[str, Any]]] = [
    {},
    {"is_minor": True},
    {"is_minor": False},
    {"prs_Birthdate": "2015"},
    OPEN_YEAR,
    THIRTY,
    {**THIRTY, "is_minor": True},
    {**THIRTY, "is_minor": False},
    {**THIRTY, **OPEN_YEAR},
    {"stated_age": 12, "stated_age_on": DAY},
]
ALL_SAID: Final = (ADULTS["judged, by an estimate"], CHILDREN["a child"])
_TURN = itertools.count()


@pytest.fixture(scope="module")
def offices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Give a road whose first country allows emergencies, with three officers at the agency."""
    with road_with_officers(tmp_path_factory.mktemp("road"), 1024) as made:
        yield made


def asides(made: Road) -> list[str]:
    """Return why the shelter refused or kept aside what came."""
    with made.uz.store.read() as tx:
        return [row.code for state in AsideState for row in set_aside.aside(tx, state)]


def a_return(made: Road, facts: dict[str, Any]) -> Homecoming:
    """Begin a return of somebody with these facts."""
    minor = facts in CHILDREN.values()
    name = f"leaves {next(_TURN)}"
    return Homecoming(made, name, consent=GUARDIAN if minor else None, facts=facts, is_minor=minor)


def told(made: Road, home: Homecoming) -> dict[str, Any]:
    """Return the person of the newest question that came."""
    with made.uz.store.read() as tx:
        events = referrals.events_of(tx, referrals.get(tx, home.there))
        asked = [one for one in events if one.block.event_type is E.NATIONALITY_REQUESTED]
        return {name: value for name, value in course_state.payload_of(asked[-1])["person"].items() if value}


def ask(home: Homecoming, person: dict[str, Any]) -> None:
    """Ask whether the person is a citizen."""
    home.say(Role.SOURCE, E.NATIONALITY_REQUESTED, citizenship="UZ", embassy_may_be_asked=False, person=person)


@pytest.mark.parametrize(("known", "aged"), [("born", BAND), *((name, THIRTY) for name in ADULTS)])
def test_a_question_about_an_adult_leaves_without_an_age_that_leaves_it_open(
    offices: Road, known: str, aged: dict[str, Any]
) -> None:
    """The question has no field for the judgement that the case carries: the open age stays here, the rest arrives."""
    home = a_return(offices, ADULTS[known])
    ask(home, {**NAME, **aged})
    assert line(offices.kz, home.here, E.NATIONALITY_REQUESTED).hop is Hop.THEIR_INBOX
    assert (told(offices, home), asides(offices)) == (NAME, [])


def test_the_desk_says_what_to_do_about_a_year_of_birth_that_leaves_it_open(offices: Road) -> None:
    """A birth date is never left out by itself: nothing leaves until a person leaves it out."""
    home = a_return(offices, ADULTS["judged, by a year"])
    with pytest.raises(CaseInvalidError) as refused:
        ask(home, {**NAME, **OPEN_YEAR})
    assert [(each.path, each.code) for each in refused.value.problems] == [("person.prs_Birthdate", Code.AGE_UNKNOWN)]
    ask(home, NAME)
    assert (told(offices, home), asides(offices)) == (NAME, [])


def _asked(made: Road, facts: dict[str, Any]) -> int:
    home = a_return(made, facts)
    left = 0
    for said in SAID if facts in ALL_SAID else [THIRTY]:
        with suppress(CaseInvalidError, ConsentError):
            ask(home, {**NAME, **said})
            left += 1
    return left


def _wished(made: Road, facts: dict[str, Any]) -> int:
    a_return(made, facts)
    return 1


def _referred(made: Road, facts: dict[str, Any]) -> int:
    case = new_case(made.kz, case_file(**{"about": f"Fictional: leaves {next(_TURN)}", **facts}))
    consent = GUARDIAN if facts in CHILDREN.values() else {}
    take_consent(made.kz, case, consent_file(**consent))
    number = refer(made.kz, case)
    made.settle()
    assert incoming(made.uz, id_of(made.kz, number))
    return 1


def _disclosed(made: Road, facts: dict[str, Any]) -> int:
    case = new_case(made.kz, case_file(**{"about": f"Fictional: leaves {next(_TURN)}", **facts}))
    home = made.home(made.agency)
    names = [one.officer.kid.hex() for one in officers.listed(home, made.clock())][:2]
    words = tuple(officers.unlock(made.kz, home, name, f"own {n}") for n, name in enumerate(names))
    decision = Decision(
        recipient=made.shelter,
        ground=Ground.MEDICAL_EMERGENCY,
        protects=Protects.PERSON,
        incapacity=Incapacity.UNCONSCIOUS,
        categories=(DataCategory.IDENTITY,),
        hours=24,
        needed_now="Fictional: allergies, at once.",
    )
    with made.kz.store.write() as tx:
        roll = (officers.roll_of(home), words)
        number = emergencies.invoke(made.kz, tx, cases.get(tx, case), decision, roll).id
    made.settle()
    assert incoming(made.uz, id_of(made.kz, number))
    return 1


LEAVES: Final[dict[EventType, Callable[[Road, dict[str, Any]], int]]] = {
    E.NATIONALITY_REQUESTED: _asked,
    E.RETURN_WISH_RECORDED: _wished,
    E.REFERRAL_REQUESTED: _referred,
    E.EMERGENCY_INVOKED: _disclosed,
}
"""How each kind of event with a person leaves."""


@pytest.mark.parametrize("event", [one for one in EventType if any(f.name == "person" for f in payload_fields(one))])
def test_what_leaves_is_taken_in(offices: Road, event: EventType) -> None:
    """Of every age that a case, or an event, can tell: what the office does not refuse is set aside nowhere."""
    for facts in (ADULTS | CHILDREN).values():
        assert LEAVES[event](offices, facts)
    assert asides(offices) == []
