"""Refer a person by pages: each step kept, everything that is wrong told where it can be mended, a no as easy."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from refbus.core.consent.record import Informed
from refbus_gateway.actions import asking, cases, consent, drafts, erasure
from refbus_gateway.actions.actor import Role
from support.ceremonies import PASSPHRASE, SHELTER
from support.desks import desk_of
from support.gateways import Pair, case_file, consent_file, id_of, incoming, sent
from support.pages import Page, Pages, Person

INFORMED: Final = [str(each) for each in Informed]
NEED: Final = {
    "services_requested": ["SocialCare", "Legal"],
    "country": "uz",
    "reason": "AdditionalServicesRequired",
    "fictional": "true",
}
URGENCY: Final = {
    "priority": "URGENT",
    "reply_by": "",
    "responsible_worker_role": "CASE_MANAGER",
    "source_of_referral": "NGO",
}
PERSON: Final = {
    "file_number": "Blue door",
    "person.prs_FirstName": "Тўқима шахс",
    "person.prs_Birthdate": "5.1990",
    "person.is_minor": "false",
    "person.prs_Citizenship": "Uzbekistan",
    "person.prs_PrimaryLanguage": "Uzbek",
    "health.summary": "Fictional: needs a dentist.",
}
CONTACT: Final = {
    "safe_contact.may_call": "true",
    "safe_contact.may_text": "false",
    "person.prs_MobilePhone": "+998 (90) 000-00-00",
}
YES: Final = {
    "answer_IDENTITY": "yes",
    "answer_CONTACT": "yes",
    "answer_HEALTH": "no",
    "answer_SERVICE_NEEDS": "yes",
    "answer_REPORT_BACK": "yes",
    "answer_CONTACT_PERSON": "no",
    "answer_ONWARD_REFERRAL": "no",
    "answer_LOCATION_SAFE": "yes",
    "statistics": "no",
    "until": "1.12.2026",
    "erase_by": "1.3.2027",
    "language": "ru",
    "informed": INFORMED,
    "interpreter": "no",
    "method": "WRITTEN",
    "withdrawal_contact": "Any office of the fictional agency",
}


@pytest.fixture
def here(pair: Pair) -> Pages:
    """Give the pages of the agency."""
    desk, actor = desk_of(pair.world, pair.kz)
    for each in drafts.listed(desk, actor).drafts:
        drafts.drop(desk, actor, each.name)
    return Pages(pair.world, pair.kz)


def fill(person: Person, path: str, fields: dict[str, Any]) -> Page:
    """Fill in the form of a page; what is not named stays as the page shows it."""
    form = person.get(path).forms[path]
    return person.post(path, {**form, **fields})


def until_contact(person: Person, **changes: Any) -> Page:
    """Answer the steps until the person is asked."""
    assert fill(person, "/refer/1/need", NEED).path == "/refer/1/organisation"
    assert fill(person, "/refer/1/organisation", {"organisation": SHELTER}).path == "/refer/1/urgency"
    assert fill(person, "/refer/1/urgency", URGENCY).path == "/refer/1/person"
    assert fill(person, "/refer/1/person", {**PERSON, **changes}).path == "/refer/1/contact"
    return fill(person, "/refer/1/contact", CONTACT)


def test_from_the_first_question_to_the_desk_of_the_other_side(pair: Pair, here: Pages) -> None:
    """A person is referred by pages alone: what was agreed to arrives, and nothing else."""
    person = here.person()
    assert person.get("/refer").path == "/refer/1/need"
    page = until_contact(person)
    assert page.path == "/refer/1/ask"
    assert "Istalgan qismiga «yoʻq» deyishingiz mumkin." in page.text, "the person speaks Uzbek"
    assert "Вы можете отказаться от любой части." in person.get("/refer/1/ask?language=ru").text
    sheet = person.get("/refer/1/sheet").html
    printed = [line for line in sheet.splitlines() if "no-print" not in line]
    assert "Blue door" not in "".join(printed), "a nickname is on no paper"
    page = fill(person, "/refer/1/consent", YES)
    assert page.path == "/refer/1/look"
    assert "Тўқима шахс" in page.text
    assert "+998900000000" in page.text
    assert "dentist" not in page.html
    assert "Health: the person said no" in page.text
    page = person.send("/refer/1/look", passphrase="wrong")
    assert "The passphrase is not right" in page.text
    page = person.send("/refer/1/look", passphrase=PASSPHRASE)
    number = int(page.path.removeprefix("/sent/"))
    assert page.path == f"/sent/{number}"
    assert "What happens now" in page.text
    assert person.get("/refer").path == "/refer/1/need", "nothing that was sent is still begun"
    pair.exchange()
    there = Pages(pair.world, pair.uz).person()
    got = incoming(pair.uz, id_of(pair.kz, number))
    assert f"/referral/{got}" in there.get("/today").html
    page = there.send(f"/referral/{got}/open", at=f"/referral/{got}")
    assert "Тўқима шахс" in page.text
    assert "dentist" not in page.html
    assert "Blue door" not in page.html
    assert "Any office of the fictional agency" in page.text


def test_paper_for_the_person_is_in_the_language_of_the_person(here: Pages) -> None:
    """What is signed: questions, lines to write on and the text of the country; and the card that is taken along."""
    person = here.person()
    until_contact(person)
    for language, words in (
        ("uz", ("Salomatlik", "Istalgan qismiga «yoʻq» deyishingiz mumkin.")),
        ("ru", ("Здоровье", "Где я могу отозвать согласие", "Вы можете отказаться от любой части.")),
    ):
        page = person.get(f"/refer/1/sheet?language={language}")
        _, _, paper = page.html.partition('<div lang="')
        assert [each for each in words if each not in paper] == []
        assert f'<div lang="{language}"><p>' in paper, "the text of the country is read aloud in its own language"
        assert [each for each in ("Where I can", "signature", "Health", "Yes", "counted") if each in paper] == []
        assert "Print this page" in page.text, "who prints it reads the own language"
    assert "/card?language=uz-Latn" in person.get("/refer/1/ask?language=uz").html


def test_a_wrong_number_is_answered_at_its_field(here: Pages) -> None:
    """In plain words with a number of the own country, in the language of the page."""
    person = here.person()
    until_contact(person)
    for language, words in (("en", "like +7 771 000 9998"), ("ru", "например +7 771 000 9998")):
        person.send("/language", language=language)
        page = fill(person, "/refer/1/contact", {**CONTACT, "person.prs_MobilePhone": "call me"})
        assert (words in page.text, "E.164" in page.text) == (True, False)


def test_each_step_is_kept_and_back_shows_it(pair: Pair, here: Pages) -> None:
    """Another browser of the same person, and the back link, find what was typed, in any language."""
    until_contact(here.person())
    other = here.person()
    assert 'href="/refer/1/ask"' in other.get("/refer").html
    assert "Blue door" in other.get("/refer").text
    assert other.get("/refer/1/person").forms["/refer/1/person"]["person.prs_Citizenship"] == ["Uzbekistan"]
    other.send("/language", language="ru")
    form = other.get("/refer/1/person").forms["/refer/1/person"]
    assert form["person.prs_Citizenship"] == ["Узбекистан"]
    assert other.post("/refer/1/person", form).path == "/refer/1/contact"
    assert (
        other.post("/refer/1/contact", other.get("/refer/1/contact").forms["/refer/1/contact"]).path == "/refer/1/ask"
    )
    assert other.send("/refer/1/drop", at="/refer").path == "/today"
    assert other.get("/refer/1/person").status == 404


def test_every_problem_of_a_step_is_told_at_once_at_its_field(here: Pages) -> None:
    """An empty step, a time that is past, an impossible birth date, an age that contradicts, a number with no plus."""
    person = here.person()
    page = fill(person, "/refer/1/need", {})
    assert page.path == "/refer/1/need"
    assert {"services_requested-wrong", "country-wrong", "reason-wrong", "fictional-wrong"} <= set(page.ids)
    fill(person, "/refer/1/need", NEED)
    assert "Choose an organisation" in fill(person, "/refer/1/organisation", {}).text
    fill(person, "/refer/1/organisation", {"organisation": SHELTER})
    page = fill(person, "/refer/1/urgency", {"reply_by": "1.1.2020"})
    assert {"priority-wrong", "reply_by-wrong", "responsible_worker_role-wrong"} <= set(page.ids)
    fill(person, "/refer/1/urgency", URGENCY)
    page = fill(person, "/refer/1/person", {})
    assert {"file_number-wrong", "person-is_minor-wrong"} <= set(page.ids)
    born = {"person.prs_Birthdate": "31.13.1999", "person.prs_Citizenship": "Atlantis"}
    page = fill(person, "/refer/1/person", {**PERSON, **born})
    assert {"person-prs_Birthdate-wrong", "person-prs_Citizenship-wrong"} <= set(page.ids)
    page = fill(person, "/refer/1/person", {**PERSON, "person.prs_Birthdate": "1.1.2020"})
    assert "person-is_minor-wrong" in page.ids
    page = fill(person, "/refer/1/person", {**PERSON, "person.prs_Birthdate": ""})
    assert "adult_judgement-reason-wrong" in page.ids
    sure = {**PERSON, "person.prs_Birthdate": "", "adult_judgement.reason": "Fictional: has grown-up children."}
    assert fill(person, "/refer/1/person", sure).path == "/refer/1/contact"
    page = fill(person, "/refer/1/contact", {"person.prs_MobilePhone": "90 000"})
    assert {"person-prs_MobilePhone-wrong", "safe_contact-may_call-wrong"} <= set(page.ids)
    unsafe = {**CONTACT, "safe_contact.may_call": "false"}
    assert "leave the number out" in fill(person, "/refer/1/contact", unsafe).text


def test_what_answers_speak_of_is_asked_too(pair: Pair, here: Pages) -> None:
    """Where to meet is asked although the case does not hold it: else no answer could ever name a place."""
    person = here.person()
    until_contact(person)
    assert "where the person can meet them or stay" in person.get("/refer/1/sheet?language=en").text
    page = fill(person, "/refer/1/consent", {**YES, "answer_LOCATION_SAFE": ""})
    assert "Safe location: yes or no?" in page.text
    assert fill(person, "/refer/1/consent", YES).path == "/refer/1/look"
    desk, actor = desk_of(pair.world, pair.kz)
    (version,) = consent.shown(desk, actor, 1)
    assert "LOCATION_SAFE" in version.rules[0].data


def test_a_language_without_a_text_is_told_before_anybody_answers(pair: Pair, here: Pages) -> None:
    """Karakalpak has no text: the page says so, and an answer in a language that the country lacks is refused there."""
    person = here.person()
    until_contact(person, **{"person.prs_PrimaryLanguage": "Karakalpak"})
    assert "no text in the person's language (Karakalpak)" in person.get("/refer/1/ask").text
    page = fill(person, "/refer/1/consent", {**YES, "language": "de"})
    assert page.path == "/refer/1/consent"
    assert "Choose the language in which it was explained" in page.text


def test_a_yes_needs_every_answer_and_a_no_needs_none(pair: Pair, here: Pages) -> None:
    """What is missing in a yes is told at its field; the no beside it counts at once, and nothing was sent."""
    person = here.person()
    page = until_contact(person)
    number = int(drafts.kept(*desk_of(pair.world, pair.kz), "refer/1").fields["case"][0])  # type: ignore[union-attr]
    page = fill(person, "/refer/1/consent", {})
    assert page.path == "/refer/1/consent"
    assert {f"answer_{each}-wrong" for each in ("IDENTITY", "CONTACT", "HEALTH", "SERVICE_NEEDS")} <= set(page.ids)
    assert {"until-wrong", "erase_by-wrong", "informed-wrong", "method-wrong", "interpreter-wrong"} <= set(page.ids)
    assert "statistics-wrong" in page.ids
    page = fill(person, "/refer/1/consent", {**YES, "until": "1.1.2020", "withdrawal_contact": "<<where>>"})
    assert "until-wrong" in page.ids
    page = fill(person, "/refer/1/consent", {**YES, "withdrawal_contact": "x"})
    assert "withdrawal_contact-wrong" in page.ids
    assert consent.shown(*desk_of(pair.world, pair.kz), number) == ()
    page = person.send("/refer/1/no", at="/refer/1/ask")
    assert page.path == f"/case/{number}/no"
    assert "Nothing was sent" in page.text
    (said,) = asking.said(*desk_of(pair.world, pair.kz), number)
    assert said.state == "REFUSED"
    assert "No" in person.get(f"/case/{number}").text
    page = person.send(f"/case/{number}/refer", at=f"/case/{number}")
    assert page.path == "/refer/1/need"
    assert until_contact(person).path == "/refer/1/ask"
    page = fill(person, "/refer/1/consent", YES)
    assert page.path == "/refer/1/look", "a later yes is a new answer"
    assert "It cannot be sent yet" not in page.text


def test_for_a_child_somebody_else_consents_and_the_child_is_asked(here: Pages) -> None:
    """The questions about a guardian are there only for whoever may be a child; a child's no counts."""
    person = here.person()
    until_contact(person, **{"person.is_minor": "true", "person.prs_Birthdate": ""})
    page = person.get("/refer/1/consent")
    assert "Who consents for the child?" in page.text
    child = {
        "grantor": "PARENT",
        "conflict_checked": "yes",
        "authority_until": "1.12.2027",
        "assent": "REFUSED",
        "majority_on": "1.5.2031",
    }
    form = person.get("/refer/1/consent").forms["/refer/1/consent"]
    answer = person.client.post(
        "/refer/1/consent", data={**form, **YES, **child}, files={"authority": ("scan.png", b"fictional scan")}
    )
    assert "assent-wrong" in Page(answer).ids
    page = fill(person, "/refer/1/consent", {**YES, **child, "assent": "GIVEN"})
    assert page.path == "/refer/1/look", page.text


def test_a_stale_step_is_refused_with_both_versions(here: Pages) -> None:
    """Two windows: the second one is told, and sees what the other has."""
    person, other = here.person(), here.person()
    until_contact(person)
    old = other.get("/refer/1/person").forms["/refer/1/person"]
    fill(person, "/refer/1/person", {**PERSON, "person.prs_FirstName": "Fictional one"})
    page = other.post("/refer/1/person", {**old, "person.prs_FirstName": "Fictional two"})
    assert page.path == "/refer/1/person"
    assert "changed in another window" in page.text
    assert "Fictional one" in page.text
    assert "Fictional two" in page.html
    assert other.post("/refer/1/person", page.forms["/refer/1/person"]).path == "/refer/1/contact"


def test_a_double_click_sends_once(pair: Pair, here: Pages) -> None:
    """The same form twice leads to the same page, and one referral."""
    person = here.person()
    until_contact(person)
    fill(person, "/refer/1/consent", YES)
    form = {**person.get("/refer/1/look").forms["/refer/1/look"], "passphrase": PASSPHRASE}
    first, second = person.post("/refer/1/look", form), person.post("/refer/1/look", form)
    assert first.path == second.path
    assert first.path.startswith("/sent/")


def test_only_what_was_looked_at_is_sent(pair: Pair, here: Pages) -> None:
    """What changed in another window since the last look, of the person or of whom it goes to, is looked at first."""
    person = here.person()
    until_contact(person)
    fill(person, "/refer/1/consent", YES)
    form = {**person.get("/refer/1/look").forms["/refer/1/look"], "passphrase": PASSPHRASE}
    fill(person, "/refer/1/contact", {**CONTACT, "person.prs_MobilePhone": "+998 (90) 111-11-11"})
    page = person.post("/refer/1/look", form)
    assert page.path == "/refer/1/look", "nothing was sent"
    assert "Look at it once more" in page.text
    assert person.send("/refer/1/look", passphrase=PASSPHRASE).path.startswith("/sent/")


def test_a_no_is_about_whom_was_asked_about(pair: Pair, here: Pages) -> None:
    """Another window chose another organisation meanwhile: the no counts for the one that the page named."""
    person = here.person()
    assert until_contact(person, file_number="Two windows").path == "/refer/1/ask"
    form = person.get("/refer/1/ask").forms["/refer/1/no"]
    desk, actor = desk_of(pair.world, pair.kz)
    begun = drafts.listed(desk, actor).drafts[0]
    drafts.keep(desk, actor, begun.name, {**begun.fields, "organisation": ["kz-elsewhere"]}, replaces=begun.revision)
    case = int(begun.fields["case"][0])
    assert person.post("/refer/1/no", form).path == f"/case/{case}/no"
    assert [str(each.organisation) for each in asking.said(desk, actor, case)] == [SHELTER]
    assert drafts.listed(desk, actor).drafts, "what is begun with the other one goes on"


def test_what_is_erased_is_in_no_draft(pair: Pair, here: Pages) -> None:
    """A draft with what an erased case said goes with it, whoever began it, of an own case and of one that came in."""
    case, number = sent(pair.kz, case_file(about="Fictional: to be erased", file_number="Erased lamp"))
    person = here.person()
    assert person.send(f"/case/{case}/refer", at=f"/case/{case}").path == "/refer/1/need"
    desk, actor = desk_of(pair.world, pair.kz)
    colleague = replace(actor, role=Role.CASE_WORKER, person="somebody else")
    drafts.keep(desk, colleague, "emergency", {"case": [str(case)], "needed_now": ["Fictional: insulin"]})
    drafts.keep(desk, colleague, "refer/1", {"case": [str(case + 1000)]})
    drafts.keep(desk, colleague, "refer/2", {"of_referral": [str(number)]})
    erasure.erase(desk, actor, case)
    assert drafts.listed(desk, actor).drafts == ()
    assert [each.name for each in drafts.listed(desk, colleague).drafts] == ["refer/1"]


def test_a_case_is_changed_by_one_at_a_time(pair: Pair, here: Pages) -> None:
    """The list and the page of a case; a second change from an old page is refused and shown beside the first."""
    person, other = here.person(), here.person()
    case, _ = sent(pair.kz)
    assert f'href="/case/{case}"' in person.get("/case").html
    path = f"/case/{case}/edit"
    old = other.get(path).forms[path]
    page = fill(person, path, {"file_number": "Green lamp", "health.summary": "Fictional: well again."})
    assert page.path == f"/case/{case}", page.text
    assert "Fictional: well again." in page.text
    page = other.post(path, {**old, "file_number": "Red lamp"})
    assert page.path == path
    assert "Somebody else changed this case" in page.text
    assert "Fictional: well again." in page.text
    desk, actor = desk_of(pair.world, pair.kz)
    assert cases.show(desk, actor, case, "en").file_number == "Green lamp"
    assert person.get("/case/99999").status == 404


def test_what_came_in_goes_on_only_as_far_as_the_person_allowed(pair: Pair) -> None:
    """What was not allowed is named where it can be left out."""
    _, number = sent(pair.kz)
    pair.exchange()
    got = incoming(pair.uz, id_of(pair.kz, number))
    there = Pages(pair.world, pair.uz).person()
    there.send(f"/referral/{got}/open", at=f"/referral/{got}")
    page = there.send(f"/onward/{got}")
    assert page.path == f"/onward/{got}"
    assert "did not allow" in page.text


def test_what_came_in_and_is_erased_is_in_no_draft(pair: Pair) -> None:
    """What was begun with a referral that came in goes when its case is erased here."""
    rule = json.loads(consent_file())["permit"][0]
    further = {**rule, "actions": ["ONWARD_REFERRAL"], "onward_transfer": True}
    case = case_file(about="Fictional: to go on", file_number="Long road")
    _, number = sent(pair.kz, case, consent_file(permit=[rule, further]))
    pair.exchange()
    got = incoming(pair.uz, id_of(pair.kz, number))
    there = Pages(pair.world, pair.uz).person()
    there.send(f"/referral/{got}/open", at=f"/referral/{got}")
    page = there.send(f"/onward/{got}")
    assert page.path == "/refer/1/need", page.text
    desk, actor = desk_of(pair.world, pair.uz)
    erasure.erase(desk, actor, erasure.case_of_referral(desk, actor, got))
    assert drafts.listed(desk, actor).drafts == ()


def test_a_no_after_something_was_sent_says_that_they_are_told(pair: Pair, here: Pages) -> None:
    """The page never says that nobody learns of it where somebody has to stop."""
    person = here.person()
    case, _ = sent(pair.kz)
    pair.exchange()
    assert person.send(f"/case/{case}/refer", at=f"/case/{case}").path == "/refer/1/need"
    assert until_contact(person).path == "/refer/1/ask"
    page = person.send("/refer/1/no", at="/refer/1/ask")
    assert page.path == f"/case/{case}/no"
    assert "they are told to stop using it" in page.text
    assert "Nobody outside" not in page.text
    for link in ("changed", "who", "erase"):
        assert person.get(f"/case/{case}/{link}").status == 200
