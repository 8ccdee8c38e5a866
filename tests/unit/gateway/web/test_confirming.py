"""A page asks why an unusual fact is so, beside the fact; the answer stays on this computer and goes with the case."""

from __future__ import annotations

from typing import Any

from refbus_gateway.actions import cases, drafts
from support.ceremonies import SHELTER
from support.desks import desk_of
from support.gateways import Pair, case_file, new_case
from support.pages import Pages

WHY = "Fictional: the office that prolongs it is closed"
ENDED = {"immigration.permit_until": "1.9.2026"}
REASON = "confirmed.PERMIT_ENDED"
BEFORE: dict[str, dict[str, Any]] = {
    "need": {
        "services_requested": ["Legal"],
        "country": "uz",
        "reason": "AdditionalServicesRequired",
        "fictional": "true",
    },
    "organisation": {"organisation": SHELTER},
    "urgency": {"priority": "URGENT", "responsible_worker_role": "CASE_MANAGER", "source_of_referral": "NGO"},
}
PERSON = {
    "file_number": "Blue door",
    "person.prs_FirstName": "Тўқима шахс",
    "person.prs_Birthdate": "1990",
    "person.is_minor": "false",
}


def test_a_page_asks_why_and_keeps_the_answer(pair: Pair) -> None:
    """Nothing is asked before there is a doubt; then the step waits for the reason, and shows it again later."""
    desk, actor = desk_of(pair.world, pair.kz)
    for each in drafts.listed(desk, actor).drafts:
        drafts.drop(desk, actor, each.name)
    person, path = Pages(pair.world, pair.kz).person(), "/refer/1/person"
    for step, answers in BEFORE.items():
        at = f"/refer/1/{step}"
        person.post(at, {**person.get(at).forms[at], **answers})
    form = person.get(path).forms[path]
    assert REASON not in form
    page = person.post(path, {**form, **PERSON, **ENDED})
    assert "the right to stay has ended already" in page.text
    assert REASON in page.forms[path]
    assert person.post(path, {**page.forms[path], **ENDED, REASON: WHY}).path == "/refer/1/contact"
    assert person.get(path).forms[path][REASON] == [WHY]


def test_a_case_is_changed_with_its_reasons(pair: Pair) -> None:
    """What cannot be is told beside its field in words; a reason that was given is kept, and can be taken away."""
    content = case_file(immigration={"permit_until": "2026-09-01"}, file_number="B", confirmed={"PERMIT_ENDED": WHY})
    number = new_case(pair.kz, content)
    desk, actor = desk_of(pair.world, pair.kz)
    person, path = Pages(pair.world, pair.kz).person(), f"/case/{number}/edit"
    form = person.get(path).forms[path]
    assert form[REASON] == [WHY]
    page = person.post(path, {**form, "immigration.status": ["NATIONAL", "STATELESS"]})
    assert "a national of the country is not stateless" in page.text
    assert person.post(path, {**form, "family.summary": "Fictional"}).path == f"/case/{number}"
    assert cases.file_to_edit(desk, actor, number)["confirmed"] == {"PERMIT_ENDED": WHY}
    form = person.get(path).forms[path]
    assert person.post(path, {**form, REASON: "", "immigration.permit_until": "1.9.2027"}).path == f"/case/{number}"
    assert "confirmed" not in cases.file_to_edit(desk, actor, number)
