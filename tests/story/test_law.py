"""Law and money of a return: periods and proceedings in the case, certificate, escort and payer in the plan."""

from __future__ import annotations

from typing import Any

import pytest

from refbus.core.courses.machine import Role
from refbus.core.units import DAY_MS
from refbus.errors import Code
from refbus_gateway.forms.problems import CaseInvalidError
from support.gateways import case_file, consent_file, id_of, incoming, new_case, open_at, sent, view
from support.homecoming import E, Homecoming, plan
from support.nodes import Road

S, T = Role.SOURCE, Role.TARGET
LAW: dict[str, Any] = {
    "immigration": {
        "status": ["IRREGULAR_MIGRANT"],
        "permit_until": "2026-12-31",
        "reflection_until": "1.11.2026",
        "entry_ban_until": "2029-01-01",
        "exit_permission": "ASKED_FOR",
    },
    "legal_proceedings": {
        "status": "IN_COURT",
        "case_number": "1-117/2026",
        "role": "INJURED_PARTY",
        "next_hearing": "2026-10-20",
        "compensation": "CLAIMED",
    },
}


def codes_of(refused: pytest.ExceptionInfo[CaseInvalidError]) -> dict[str, Code]:
    """Return what was refused, by its place."""
    return {each.path: each.code for each in refused.value.problems}


def test_periods_and_proceedings_arrive_with_a_referral(shared: Road) -> None:
    """The recipient reads until when each right lasts, when the next hearing is, and how far a claim has come."""
    _, number = sent(shared.kz, case_file(about="Fictional: in court", **LAW), consent_file())
    shared.settle()
    shown = open_at(shared.uz, incoming(shared.uz, id_of(shared.kz, number))).events[0].sections
    assert shown["Immigration"]["Reflection until"] == "2026-11-01"
    assert {"Entry ban until", "Exit permission"} <= shown["Immigration"].keys()
    assert shown["Legal proceedings"]["Case number"] == "1-117/2026"
    assert "Injured party" in shown["Legal proceedings"]["Role"]
    assert "Claimed" in shown["Legal proceedings"]["Compensation"]


@pytest.mark.parametrize(
    ("section", "name", "rule"),
    [
        ("immigration", "reflection_until", "REFLECTION_ENDED"),
        ("legal_proceedings", "next_hearing", "HEARING_PASSED"),
    ],
)
def test_a_period_that_is_over_is_asked_about(shared: Road, section: str, name: str, rule: str) -> None:
    """Whoever writes it says why; then it is kept."""
    late = {section: {name: "2026-01-01"}}
    with pytest.raises(CaseInvalidError) as refused:
        new_case(shared.kz, case_file(about=f"Fictional: {rule}", **late))
    assert codes_of(refused) == {f"confirmed.{rule}": Code.FACTS_DOUBTFUL}
    assert new_case(shared.kz, case_file(about=f"Fictional: {rule}", confirmed={rule: "Fictional: prolonged"}, **late))


def test_an_identity_card_is_enough_where_both_countries_accept_it(shared: Road) -> None:
    """Without the word of both it is refused; with it the person leaves on it, through both gates."""
    road = Homecoming(shared, "on an identity card")
    card = {"kind": "ID_CARD", "valid_until_ms": shared.clock() + 60 * DAY_MS}
    for word in ({}, {"accepted": False}):
        with pytest.raises(CaseInvalidError) as refused:
            road.say(T, E.DOCUMENT_ISSUED, **card, **word)
        assert codes_of(refused) == {"kind": Code.FACTS_CONTRADICT}
    road.prepare(document={"kind": "ID_CARD", "accepted": True})
    assert road.gaps() == ()
    road.leave()
    assert view(shared.uz, road.there).status == "IN_TRANSIT"


def test_the_plan_says_who_pays_who_escorts_and_until_when_the_certificate_holds(shared: Road) -> None:
    """Both offices read it; a certificate that ends on the way, or before it begins, is refused."""
    road = Homecoming(shared, "with a certificate")
    money = {"paid_by": "INTERNATIONAL_ORGANISATION", "allowance": "Fictional: 100 USD"}
    escort = {"escort": "MEDICAL", "escort_role": "CASE_MANAGER", "escort_until": "Fictional border post"}
    whole = plan(shared.clock()) | money | escort
    for wrong in (
        {"medical_certificate_on": "2026-09-20", "medical_certificate_until": "2026-09-22"},
        {"medical_certificate_on": "2026-09-20", "medical_certificate_until": "2026-09-01"},
        {"medical_certificate_on": "2026-12-01"},
    ):
        with pytest.raises(CaseInvalidError) as refused:
            road.say(S, E.PLAN_AGREED, **whole, **wrong)
        assert set(codes_of(refused).values()) == {Code.FACTS_CONTRADICT}
    certificate = {"medical_certificate_on": "2026-09-20", "medical_certificate_until": "2026-10-20"}
    road.say(S, E.PLAN_AGREED, **whole, **certificate)
    shown = repr(open_at(shared.uz, road.there).events[-1].sections)
    for text in ("An international organisation", "100 USD", "Fictional border post", "2026-10-20"):
        assert text in shown, text
