"""Law and money of a return: periods and proceedings in the case, certificate, escort and payer in the plan."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from refbus.core.courses.machine import Role
from refbus.core.courses.travel_papers import EVERYWHERE
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import DataCategory
from refbus.errors import Code, RuleError
from refbus_gateway.actions import returns
from refbus_gateway.cases import casework
from refbus_gateway.forms.problems import CaseInvalidError
from refbus_gateway.outbox import envelopes
from refbus_gateway.reports.overview import Hop
from refbus_gateway.rules import papers
from refbus_gateway.store import cases
from support.desks import desk_of
from support.gateways import case_file, consent_file, id_of, incoming, line, new_case, open_at, sent, view
from support.homecoming import E, Homecoming, plan
from support.nodes import Road, change_policy

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


def paper(road: Road, kind: str) -> dict[str, Any]:
    """Return a document that is valid for two months."""
    return {"kind": kind, "valid_until_ms": road.clock() + 60 * DAY_MS}


def name_papers(road: Road, country: str, other: str, *papers: str, version: int = 2) -> None:
    """Let a country's policy name papers for the way to another."""
    named = f"""
[[travel]]
country = "{other}"
papers = {list(papers)}
source = "Fictional agreement"
date = "2026"
checked = false
"""
    change_policy(road, country, lambda text: text + named, version)


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


def test_a_document_that_one_country_does_not_accept_is_refused_before_it_is_sent(shared: Road) -> None:
    """The refusal names the document, both countries, and what they accept."""
    road = Homecoming(shared, "on a report of loss")
    with pytest.raises(CaseInvalidError) as refused:
        road.say(T, E.DOCUMENT_ISSUED, **paper(shared, "LOSS_REPORT"))
    (problem,) = refused.value.problems
    assert (problem.path, problem.code) == ("kind", Code.GUARD_DOCUMENT_NOT_ACCEPTED)
    for part in ("Report that documents were lost", "between uz and kz", "Passport, Return certificate"):
        assert part in problem.advice, part


def test_an_office_that_does_not_ask_is_refused_by_its_gate(shared: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate asks the same policies, by the kind that the routing block declares; no departure follows from it."""
    road = Homecoming(shared, "by an altered office")
    monkeypatch.setattr(papers, "check", lambda *_: None)
    road.prepare(document=paper(shared, "LOSS_REPORT"))
    told = line(shared.uz, road.there, E.DOCUMENT_ISSUED)
    assert (told.hop, told.codes) == (Hop.REFUSED, (Code.GUARD_DOCUMENT_NOT_ACCEPTED,))
    assert road.gaps() == (Code.GUARD_DOCUMENTS, Code.GUARD_DOCUMENTS_OUT_OF_DATE)


def test_a_document_that_both_policies_name_goes_through_both_gates(shared: Road) -> None:
    """Both offices see what suffices before; the person may leave, until one country takes its word back."""
    name_papers(shared, "kz", "uz", "ID_CARD", "LOSS_REPORT")
    name_papers(shared, "uz", "kz", "ID_CARD")
    road = Homecoming(shared, "on an identity card")
    for gateway, number in ((shared.kz, road.here), (shared.uz, road.there)):
        shown = returns.open_return(*desk_of(shared, gateway), number, "en").documents
        assert shown == (*EVERYWHERE, "ID_CARD")
    road.prepare(document=paper(shared, "ID_CARD"))
    later = Homecoming(shared, "on another identity card").prepare(document=paper(shared, "ID_CARD"))
    assert (road.gaps(), later.gaps()) == ((), ())
    road.leave()
    assert view(shared.uz, road.there).status == "IN_TRANSIT"
    name_papers(shared, "uz", "kz", version=3)
    assert later.gaps() == (Code.GUARD_DOCUMENT_NOT_ACCEPTED,)


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
        assert (
            wrong.get("medical_certificate_until", wrong["medical_certificate_on"]) in refused.value.problems[0].advice
        )
    certificate = {"medical_certificate_on": "2026-09-20", "medical_certificate_until": "2026-10-20"}
    road.say(S, E.PLAN_AGREED, **whole, **certificate)
    shown = repr(open_at(shared.uz, road.there).events[-1].sections)
    for text in ("An international organisation", "100 USD", "Fictional border post", "2026-10-20"):
        assert text in shown, text


ASKS: dict[str, dict[str, Any]] = {
    "medical needs": {"plan": {"medical_needs": "Fictional: insulin"}},
    "medical escort": {"plan": {"escort": "MEDICAL"}},
    "a risk to health": {"risks": {"risks": [{"factor": "HEALTH", "level": "MED", "mitigation": "Fictional: nurse"}]}},
}


@pytest.mark.parametrize("why", ASKS)
def test_who_needs_a_medical_certificate_does_not_leave_without_one(shared: Road, why: str) -> None:
    """Plan and health ask for it; both its days have to be there."""
    road = Homecoming(shared, f"certificate for {why}").prepare(**ASKS[why])
    assert road.gaps() == (Code.GUARD_CERTIFICATE,)
    whole = plan(shared.clock()) | ASKS[why].get("plan", {})
    road.say(S, E.PLAN_AGREED, **whole, medical_certificate_on="2026-09-20")
    assert road.gaps() == (Code.GUARD_CERTIFICATE,)
    road.say(S, E.PLAN_AGREED, **whole, medical_certificate_on="2026-09-20", medical_certificate_until="2026-10-20")
    assert road.gaps() == ()


@pytest.mark.parametrize("since", [False, True])
def test_help_that_cannot_wait_asks_for_one_though_the_wish_does_not_say_it(shared: Road, since: bool) -> None:
    """It was withheld from the other office, or written into the case since: the own office asks, and stops."""
    urgent = {"health": {"urgent": True, "summary": "Fictional: an injury"}}
    road = Homecoming(shared, f"urgent {since}", facts={} if since else urgent, withhold=[DataCategory.HEALTH])
    road.prepare()
    if since:
        assert road.gaps() == ()
        with shared.kz.store.write() as tx:
            casework.update_case(shared.kz, tx, cases.get(tx, road.case), case_file(**urgent))
    assert road.gaps() == (Code.GUARD_CERTIFICATE,)
    with pytest.raises(RuleError) as stopped:
        road.leave()
    assert stopped.value.reasons == (Code.GUARD_CERTIFICATE,)
    days = {"medical_certificate_on": "2026-09-20", "medical_certificate_until": "2026-10-20"}
    road.say(S, E.PLAN_AGREED, **plan(shared.clock()), **days).leave()


def test_a_waiver_has_a_role_and_a_reason_and_a_law_that_lets(shared: Road) -> None:
    """Where the policy does not let, or one of both is missing, it is refused; both offices read who waived and why."""
    road = Homecoming(shared, "waived").prepare(plan={"escort": "MEDICAL"})
    whole = plan(shared.clock()) | {"escort": "MEDICAL"}
    waiver = {"certificate_waived_by_role": "MEDICAL_WORKER", "certificate_waived_because": "Fictional: seen today"}
    with pytest.raises(CaseInvalidError) as refused:
        road.say(S, E.PLAN_AGREED, **whole, **waiver)
    assert codes_of(refused) == {"certificate_waived_because": Code.GUARD_CERTIFICATE}
    off = "emergency_disclosure = false"
    change_policy(shared, "kz", lambda text: text.replace(off, f"{off}\ncertificate_waiver = true"), 3)
    with pytest.raises(CaseInvalidError) as refused:
        road.say(S, E.PLAN_AGREED, **whole, certificate_waived_by_role="MEDICAL_WORKER")
    assert codes_of(refused) == {"certificate_waived_because": Code.REASON_REQUIRED}
    road.say(S, E.PLAN_AGREED, **whole, **waiver)
    assert road.gaps() == ()
    shown = repr(open_at(shared.uz, road.there).events[-1].sections)
    assert "Medical worker" in shown
    assert "Fictional: seen today" in shown


def test_a_certificate_that_ended_before_the_journey_stops_it_with_its_day(shared: Road) -> None:
    """It held when the plan was made; the departure is refused three days later, and names the days."""
    days = {"medical_certificate_on": "2026-09-20", "medical_certificate_until": "2026-09-23"}
    road = Homecoming(shared, "ended").prepare(plan={"escort": "MEDICAL", **days})
    assert road.gaps() == ()
    shared.clock.move(days=3)
    with pytest.raises(RuleError) as stopped:
        road.leave()
    assert stopped.value.reasons == (Code.GUARD_CERTIFICATE_NOT_VALID,)
    assert "from 2026-09-20 to 2026-09-23" in stopped.value.detail


def test_an_office_that_says_nothing_of_its_document_is_heard_where_both_policies_name_it(
    shared: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program from before the field: no gate has asked, so the recipient does, and takes in no other document."""
    name_papers(shared, "kz", "uz", "ID_CARD", "LOSS_REPORT", version=4)
    name_papers(shared, "uz", "kz", "ID_CARD", version=4)
    monkeypatch.setattr(papers, "check", lambda *_: None)
    monkeypatch.setattr(envelopes, "papers", SimpleNamespace(declared=lambda *_: None))
    named = Homecoming(shared, "on an identity card, from before").prepare(document=paper(shared, "ID_CARD"))
    told = line(shared.uz, named.there, E.DOCUMENT_ISSUED)
    assert (told.hop, told.codes, named.gaps()) == (Hop.THEIR_INBOX, (), ())
    other = Homecoming(shared, "on a report of loss, from before").prepare(document=paper(shared, "LOSS_REPORT"))
    told = line(shared.uz, other.there, E.DOCUMENT_ISSUED)
    assert (told.hop, told.codes) == (Hop.NOT_TAKEN_IN, (Code.DECLARATION_MISMATCH,))
    assert other.gaps() == (Code.GUARD_DOCUMENTS, Code.GUARD_DOCUMENTS_OUT_OF_DATE)
