"""What is asked about emergency disclosures: two officers decide, a third one reviews."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from refbus.core.consent.legal_basis import Ground, Incapacity, Protects, ReviewResult
from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory
from refbus.errors import Code, RefbusError
from refbus_gateway.actions import emergencies, referrals
from refbus_gateway.actions.desk import Delivery
from refbus_gateway.actions.emergencies import Decision, OfficerWord
from refbus_gateway.people import officers
from support.desks import desk_of
from support.gateways import case_file, new_case
from support.nodes import Road, road_with_officers

CHEAP = 64


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Give a road whose first country allows it, with three officers at the agency."""
    with road_with_officers(tmp_path_factory.mktemp("road"), CHEAP) as made:
        yield made


def words(office: Road) -> list[OfficerWord]:
    """Return the word of each officer."""
    found = {each.officer.kid.hex() for each in officers.listed(office.home(office.agency), office.clock())}
    home = office.home(office.agency)
    made = []
    for name in sorted(found):
        for number in range(3):
            try:
                officers.unlock(office.kz, home, name, f"own {number}")
            except RefbusError:
                continue
            made.append(OfficerWord(name, f"own {number}"))
    return made


def test_two_decide_and_a_third_reviews(office: Road) -> None:
    """The values name the disclosure by one number; what was told is opened as any course is."""
    desk, actor = desk_of(office, office.kz)
    first, second, third = words(office)
    assert "own" not in repr(first)
    emergencies.check_decision(desk, actor, office.shelter, (first.officer, second.officer))
    decision = Decision(
        recipient=office.shelter,
        ground=Ground.MEDICAL_EMERGENCY,
        protects=Protects.PERSON,
        incapacity=Incapacity.UNCONSCIOUS,
        categories=(DataCategory.IDENTITY,),
        hours=24,
        needed_now="Fictional: medicines, at once.",
    )
    case = new_case(office.kz, case_file(about="Fictional: unconscious"))
    made = emergencies.invoke(desk, actor, case, decision, (first, second))
    assert (made.case, made.to, made.delivery) == (case, office.shelter, Delivery.SENT)
    office.settle()
    emergencies.check_review(desk, actor, made.emergency, third.officer)
    done = emergencies.review(desk, actor, made.emergency, ReviewResult.UPHELD, third, later=True)
    assert (done.emergency, done.result, done.delivery) == (made.emergency, ReviewResult.UPHELD, Delivery.LATER)
    assert referrals.open_course(desk, actor, made.emergency, "en").state == "REVIEWED"


def test_what_is_not_known_is_told_before_a_passphrase_is_typed(office: Road) -> None:
    """An officer, a recipient, a disclosure: each has its code."""
    desk, actor = desk_of(office, office.kz)
    known = words(office)[0].officer
    asked: tuple[tuple[Callable[[], object], Code], ...] = (
        (lambda: emergencies.check_decision(desk, actor, office.shelter, (known, "ffff")), Code.USAGE),
        (lambda: emergencies.check_decision(desk, actor, OrgId("uz-nob0dy11"), (known,)), Code.ORGANISATION_UNKNOWN),
        (lambda: emergencies.check_review(desk, actor, 99, "ffff"), Code.USAGE),
        (lambda: emergencies.check_review(desk, actor, 99, known), Code.REFERRAL_UNKNOWN),
    )
    for ask, code in asked:
        with pytest.raises(RefbusError) as refused:
            ask()
        assert refused.value.code is code
