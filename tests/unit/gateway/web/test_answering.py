"""Answering by pages: only what is possible now; a no as easy as a yes; they withdrew; erase."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refbus.core.vocabulary import EventType
from refbus.errors import Code, UncheckableError
from refbus_gateway.actions import erasure, referrals, worklist
from refbus_gateway.actions.actor import Role
from refbus_gateway.actions.desk import Delivery
from refbus_gateway.web.pages.referral_forms import STEPS
from support.ceremonies import PASSPHRASE, SHELTER
from support.desks import desk_of
from support.gateways import CATEGORIES, Pair, case_file, consent_file, id_of, incoming, say, sent, view, withdraw_all
from support.pages import Page, Pages, Person

HARM = "<script>alert(1)</script>Fictional"
ONWARD = [
    {
        "purposes": ["REFERRAL_SERVICES"],
        "actions": ["DISCLOSE", "REPORT_BACK", "ONWARD_REFERRAL"],
        "data_categories": [str(each) for each in CATEGORIES],
    }
]


@pytest.fixture(scope="module")
def here(pair: Pair) -> Person:
    """Give a person at the agency."""
    return Pages(pair.world, pair.kz).person()


@pytest.fixture(scope="module")
def there(pair: Pair) -> Person:
    """Give a person at the shelter."""
    return Pages(pair.world, pair.uz).person()


def referred(pair: Pair, name: str, consent: bytes | None = None) -> tuple[int, int, int]:
    """Refer a case of its own; return the case, and the number of the referral here and there."""
    case, number = sent(pair.kz, case_file(about=f"Fictional: {name}", file_number=name), consent)
    pair.exchange()
    return case, number, incoming(pair.uz, id_of(pair.kz, number))


def opened(pair: Pair, there: Person, name: str, consent: bytes | None = None) -> tuple[int, int, int]:
    """Refer a case of its own, and open it at the shelter."""
    case, number, theirs = referred(pair, name, consent)
    there.send(f"/referral/{theirs}/open", at=f"/referral/{theirs}")
    pair.exchange()
    return case, number, theirs


def says(page: Page) -> set[str]:
    """Return the steps that a page offers."""
    return {each.slug for each in STEPS if f"/say/{each.slug}" in page.html}


def test_only_what_is_possible_now_is_offered(pair: Pair, here: Person, there: Person) -> None:
    """Each side sees its own steps, in each state others; a step that is none says so and sends nothing."""
    _, ours, theirs = opened(pair, there, "possible")
    assert says(there.get(f"/referral/{theirs}")) == {"accept", "cannot", "ask", "suggest", "cancel"}
    assert says(here.get(f"/referral/{ours}")) == {"provide", "cancel", "mistake"}
    assert there.get(f"/referral/{theirs}/say/pause").status == 409
    assert there.get(f"/referral/{theirs}/say/nothing").status == 404
    there.send(f"/referral/{theirs}/say/accept", responsible_worker_role="SOCIAL_WORKER")
    assert {"start", "complete", "fail", "report", "appointment"} <= says(there.get(f"/referral/{theirs}"))
    assert not {"accept", "cannot", "missed"} & says(there.get(f"/referral/{theirs}"))
    pair.exchange()
    assert "hand-over" in says(here.get(f"/referral/{ours}"))


def test_a_yes_says_who_when_and_where(pair: Pair, here: Person, there: Person) -> None:
    """What was typed in local time arrives, harmless, and nothing of it is in an address."""
    _, ours, theirs = opened(pair, there, "yes")
    path = f"/referral/{theirs}/say/accept"
    fields = {"meeting.at_ms": "31.12.2026 14:00", "meeting.place": HARM, "expected_by_ms": "30.12.2026"}
    form = there.get(path).forms[path]
    page = there.post(path, {**form, **fields, "responsible_worker_role": "SOCIAL_WORKER"})
    assert page.path == f"/referral/{theirs}"
    assert str(page.response.url).endswith(f"/referral/{theirs}")
    pair.exchange()
    shown = here.get(f"/referral/{ours}")
    assert "14:00" in shown.text
    assert "Social worker" in shown.text
    assert "It is about: Health, Identity and Needs and services." in shown.text
    assert HARM not in shown.html
    assert "Fictional" in shown.text
    assert view(pair.kz, ours).status == "ACCEPTED"


def test_a_form_does_not_ask_what_the_person_did_not_agree_to_share(pair: Pair, there: Person) -> None:
    """Without the safe location in the consent no form asks for a place; with it, one does."""
    path = "/referral/{}/say/accept"
    consent = consent_file(permit=[{**ONWARD[0], "data_categories": sorted(set(CATEGORIES) - {"LOCATION_SAFE"})}])
    assert "meeting.place" not in there.get(path.format(opened(pair, there, "No place", consent)[2])).html
    assert "meeting.place" in there.get(path.format(opened(pair, there, "Some place")[2])).html


def test_every_problem_is_told_at_its_field_in_plain_words(pair: Pair, there: Person) -> None:
    """All at once, and what was typed stays."""
    _, _, theirs = opened(pair, there, "problems")
    path = f"/referral/{theirs}/say/accept"
    page = there.send(path, meeting__at_ms="tomorrow", note="Fictional: typed before")
    assert page.path == path
    assert "Who will be responsible: choose an answer" in page.text
    assert "Write a day and a time" in page.text
    assert "Fictional: typed before" in page.text
    assert "UTC" not in page.text
    page = there.send(f"/referral/{theirs}/say/cannot", reason="OTHER")
    assert "Write the reason" in page.text
    page = there.send(f"/referral/{theirs}/say/cannot", reason="NO_SUCH_CODE")
    assert "Choose one of the list" in page.text
    assert view(pair.uz, theirs).status == "UNDER_REVIEW"


def test_a_no_a_question_and_another_organisation(pair: Pair, here: Person, there: Person) -> None:
    """Reasons are words of the list; a question turns the turn; its answer goes to the question."""
    _, ours, theirs = opened(pair, there, "question")
    there.send(f"/referral/{theirs}/say/ask", asked_categories=["HEALTH"], question="Fictional: which tooth?")
    pair.exchange()
    here.get(f"/referral/{ours}")
    page = here.get(f"/referral/{ours}/say/provide")
    assert "Fictional: which tooth?" in page.text
    assert "Write in at least one box" in here.send(f"/referral/{ours}/say/provide").text
    path = f"/referral/{ours}/say/provide"
    here.post(path, {**here.get(path).forms[path], "answer.HEALTH": "Fictional: the left one."})
    pair.exchange()
    assert "Fictional: the left one." in there.get(f"/referral/{theirs}").text
    page = there.get(f"/referral/{theirs}/say/suggest")
    assert "kg-" in page.html
    assert f'value="{SHELTER}"' not in page.html
    there.send(f"/referral/{theirs}/say/cannot", reason="CAPACITY_FULL")
    pair.exchange()
    assert "No free capacity" in here.get(f"/referral/{ours}").text


def test_a_stop_goes_out_whatever_is_wrong_with_its_form(pair: Pair, here: Person, there: Person) -> None:
    """Without a reason it is taken back all the same, and no passphrase stands before it."""
    _, ours, theirs = opened(pair, there, "stop")
    page = here.get(f"/referral/{ours}/say/cancel")
    assert "passphrase" not in page.html
    here.send(f"/referral/{ours}/say/cancel")
    pair.exchange()
    assert view(pair.uz, theirs).status == "CANCELLED"
    assert says(there.get(f"/referral/{theirs}")) == {"reopen"}


def test_a_transfer_is_confirmed_and_moves_with_the_yes(pair: Pair, here: Person, there: Person) -> None:
    """Without the passphrase nothing is sent; the case is theirs when they say so."""
    _, ours, theirs = opened(pair, there, "transfer")
    say(pair.uz, theirs, EventType.REFERRAL_ACCEPTED, responsible_worker_role="CASE_MANAGER")
    pair.exchange()
    given = {"reason": "MOVED", "responsible_worker_role": "CASE_MANAGER"}
    assert "passphrase" in here.send(f"/referral/{ours}/say/hand-over", **given, passphrase="wrong").text
    assert not view(pair.kz, ours).transfer_proposed
    here.send(f"/referral/{ours}/say/hand-over", **given, passphrase=PASSPHRASE)
    pair.exchange()
    assert {"take-over", "not-take-over"} <= says(there.get(f"/referral/{theirs}"))
    role = {"responsible_worker_role": "CASE_MANAGER"}
    there.send(f"/referral/{theirs}/say/take-over", **role, passphrase=PASSPHRASE)
    pair.exchange()
    assert "They have taken over the case." in here.get(f"/referral/{ours}").text


def test_nothing_is_opened_by_a_form(pair: Pair, there: Person) -> None:
    """A form about an unopened referral leads to the page that says that opening is told."""
    _, ours, theirs = referred(pair, "no form opens")
    page = there.get(f"/referral/{theirs}/say/accept")
    assert page.path == f"/referral/{theirs}"
    assert "is told" in page.text
    pair.exchange()
    assert worklist.outside(*desk_of(pair.world, pair.kz), ours).state == "DELIVERED"


def test_the_person_did_not_agree_to_reports(pair: Pair, there: Person) -> None:
    """Where the consent lets nothing be told back, only a stop is offered."""
    permit = [{**ONWARD[0], "actions": ["DISCLOSE"]}]
    _, _, theirs = opened(pair, there, "no reports", consent_file(permit=permit))
    page = there.get(f"/referral/{theirs}")
    assert says(page) == {"cancel"}
    assert "did not agree that you tell them" in page.text


def test_onward_is_offered_where_the_person_allowed_it(pair: Pair, there: Person) -> None:
    """The link to refer on stands there only with that consent."""
    _, _, plain = opened(pair, there, "not onward")
    assert "/refer?onward" not in there.get(f"/referral/{plain}").html
    _, _, theirs = opened(pair, there, "onward", consent_file(permit=ONWARD))
    assert f"/refer?onward={theirs}" in there.get(f"/referral/{theirs}").html


def test_they_withdrew_asks_one_question_and_shows_nothing_else(pair: Pair, there: Person) -> None:
    """Every page of the referral leads to the question until what was done is final; the reason of a law is needed."""
    case, _, theirs = opened(pair, there, "withdrew")
    withdraw_all(pair.kz, case)
    pair.exchange()
    for path in (f"/referral/{theirs}", f"/referral/{theirs}/say/accept"):
        page = there.get(path)
        assert page.path == f"/referral/{theirs}/withdrawn"
        assert "dentist" not in page.html
    path = f"/referral/{theirs}/withdrawn"
    assert "Choose what you did" in there.send(path).text
    assert "Choose which law" in there.send(path, result="RETAINED_LEGAL").text
    assert there.send(path, result="STOPPED").path == "/today"
    page = there.get(f"/referral/{theirs}")
    assert page.path == path
    assert "You said that you stopped using it" in page.text
    there.send(path, result="RESTRICTED")
    pair.exchange()
    asked = erasure.progress(*desk_of(pair.world, pair.kz), case).organisations
    assert [each.answer for each in asked] == ["RESTRICTED"]
    assert there.get(path).path == f"/referral/{theirs}"


def test_erased_after_a_withdrawal_leaves_nothing(pair: Pair, there: Person) -> None:
    """The answer is told; the page of the referral says that it was erased, and nothing of it."""
    case, _, theirs = opened(pair, there, "withdrew and erased")
    withdraw_all(pair.kz, case)
    pair.exchange()
    assert there.send(f"/referral/{theirs}/withdrawn", result="ERASED").path == "/today"
    page = there.get(f"/referral/{theirs}")
    assert "Erased here on" in page.text
    assert "dentist" not in page.html


def test_changed_their_mind_shows_whom_it_reaches_and_asks_once(pair: Pair, here: Person, there: Person) -> None:
    """No passphrase; it counts at once, and the page that follows says who received what."""
    case, ours, theirs = opened(pair, there, "changed")
    page = here.get(f"/case/{case}/changed")
    assert "shelter" in page.text
    assert "has something of this case" in page.text
    assert "passphrase" not in page.html
    form = page.forms[f"/case/{case}/changed"]
    assert here.post(f"/case/{case}/changed", {**form, "whom": "kg-nobody"}).path == f"/case/{case}/changed"
    assert here.send(f"/case/{case}/changed", whom="all").path == f"/case/{case}/who"
    assert view(pair.kz, ours).suspended
    pair.exchange()
    assert there.get(f"/referral/{theirs}").path == f"/referral/{theirs}/withdrawn"


def test_a_person_may_take_it_back_where_they_are(pair: Pair, here: Person, there: Person) -> None:
    """Said at the organisation that received it, it reaches the one that sent it."""
    _, ours, theirs = opened(pair, there, "changed there")
    case = referrals.own_words(*desk_of(pair.world, pair.uz), theirs, "en").case
    page = there.send(f"/case/{case}/changed", whom="all")
    assert page.path == f"/case/{case}/who"
    pair.exchange()
    assert here.get(f"/referral/{ours}").path == f"/referral/{ours}/withdrawn"


def test_a_part_is_stopped_and_an_organisation_refused(pair: Pair, here: Person, there: Person) -> None:
    """Less is permitted at once; one organisation gets nothing more, and is not told why."""
    case, ours, _ = opened(pair, there, "part")
    path = f"/case/{case}/changed"
    page = here.send(f"{path}/part", at=path)
    assert "Choose which organisation" in page.text
    assert "Choose at least one" in page.text
    here.send(f"{path}/part", at=path, part_of=SHELTER, stopped=["HEALTH"])
    assert "Health" not in here.get(f"/referral/{ours}").text.partition("It covers")[2].partition("used until")[0]
    page = here.send(f"{path}/never", at=path, never=SHELTER)
    assert "told to stop using what they have" in page.text
    assert view(pair.kz, ours).suspended


def test_being_counted_is_taken_back_alone(pair: Pair, here: Person) -> None:
    """It is among the parts only for who said yes to it; the rest of the consent goes on as it was."""
    case, ours = sent(pair.kz, case_file(about="Fictional: counted"), consent_file(statistics=True))
    path = f"/case/{case}/changed"
    assert "Statistics without identity" in here.get(path).text
    page = here.send(f"{path}/part", at=path, part_of=SHELTER, stopped=["STATISTICS_NON_IDENTIFYING"])
    assert "It was taken down and counts from now on." in page.text
    assert "Statistics without identity" not in page.text
    assert not view(pair.kz, ours).suspended


def test_who_received_what_names_the_office_and_notes_that_the_person_was_told(pair: Pair, here: Person) -> None:
    """In the person's language, with our name and the date; what was told is counted."""
    case, _, _ = referred(pair, "who")
    page = here.get(f"/case/{case}/who?language=ru")
    assert '<div class="paper narrow" lang="ru"' in page.html
    assert "kz-agency01" in page.text
    assert "shelter" in page.text
    assert "Choose how" in here.send(f"/case/{case}/who/told", at=f"/case/{case}/who").text
    page = here.send(f"/case/{case}/who/told", at=f"/case/{case}/who", how="PHONE")
    assert "The person has been told of all of these." in page.text
    assert here.get(f"/case/{case}/who?language=../x").status == 200


def test_erasing_needs_the_nickname_and_shows_the_answers(pair: Pair, here: Person, there: Person) -> None:
    """What goes, whom we ask, the name typed; then who is silent."""
    case, ours, theirs = opened(pair, there, "Erase Me")
    page = here.get(f"/case/{case}/erase")
    assert "shelter" in page.text
    page = here.send(f"/case/{case}/erase", name="another", passphrase=PASSPHRASE)
    assert "Type the name exactly" in page.text
    page = here.send(f"/case/{case}/erase", name=" erase  me ", passphrase="wrong")
    assert "The passphrase is not right" in page.text
    page = here.send(f"/case/{case}/erase", name=" erase  me ", passphrase=PASSPHRASE)
    assert page.path == f"/case/{case}/erase"
    assert "No answer yet" in page.text
    assert "Erased here on" in here.get(f"/referral/{ours}").text
    pair.exchange()
    there.send(f"/referral/{theirs}/withdrawn", result="ERASED")
    pair.exchange()
    assert "They erased it" in here.get("/erased").text
    assert "shelter" in here.get(f"/case/{case}/who").text


def test_pages_about_cases_of_nobody_are_not_there(here: Person) -> None:
    """A number that no case has."""
    for name in ("changed", "who", "erase"):
        page = here.get(f"/case/99999/{name}")
        assert page.status == 404
        assert Code.CASE_UNKNOWN in page.text


def test_a_role_that_may_only_stop_is_offered_that_and_no_more(pair: Pair) -> None:
    """A focal point sees no way to answer, a form of it is refused, and a no is taken."""
    desk = Pages(pair.world, pair.uz)
    focal = desk.person()
    case, _, theirs = opened(pair, focal, "focal point")
    form = focal.get(f"/referral/{theirs}/say/accept").forms[f"/referral/{theirs}/say/accept"]
    for session in desk.office.sessions.all():
        if session.actor is not None:
            session.actor = replace(session.actor, role=Role.FOCAL_POINT)
    assert says(focal.get(f"/referral/{theirs}")) == {"cancel"}
    assert focal.post(f"/referral/{theirs}/say/accept", {**form, "responsible_worker_role": "LAWYER"}).status == 403
    focal.send(f"/referral/{theirs}/say/cancel", reason="PERSON_DECLINED")
    assert view(pair.uz, theirs).status == "CANCELLED"
    withdraw_all(pair.kz, case)
    pair.exchange()
    page = focal.get(f"/referral/{theirs}/withdrawn")
    assert "RETAINED_LEGAL" not in page.html
    assert focal.send(page.path, result="RESTRICTED").path == f"/referral/{theirs}"


def test_a_received_case_is_erased_by_the_name_of_its_sender(pair: Pair, there: Person) -> None:
    """It has no nickname of ours; nobody who sent it is asked to erase what is theirs."""
    _, _, theirs = opened(pair, there, "received and erased")
    case = referrals.own_words(*desk_of(pair.world, pair.uz), theirs, "en").case
    page = there.get(f"/case/{case}/erase")
    assert "type: Fictional national referral agency" in page.text
    page = there.send(f"/case/{case}/erase", name="fictional national referral agency", passphrase=PASSPHRASE)
    assert "It was erased here" in page.text
    assert "Erased here on" in there.get(f"/referral/{theirs}").text


def test_without_a_line_a_no_and_an_answer_are_kept(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page works, says that it goes out by itself, and what counts here counts at once."""
    desk = Pages(pair.world, pair.kz)
    person = desk.person()
    case, ours, _ = referred(pair, "no line")

    def away(*_: object) -> None:
        raise UncheckableError(Code.NOT_SYNCHRONISED)

    monkeypatch.setattr(desk.office.desk, "require_synchronised", away)
    monkeypatch.setattr(desk.office.desk, "deliver", lambda **_: Delivery.LATER)
    path = f"/referral/{ours}/say/provide"
    page = person.post(path, {**person.get(path).forms[path], "answer.HEALTH": "Fictional: more."})
    assert "goes out by itself" in page.text
    assert person.send(f"/case/{case}/changed", whom="all").path == f"/case/{case}/who"
    assert view(pair.kz, ours).suspended
    assert person.get(f"/case/{case}/erase").status == 200


def test_forged_forms_change_nothing(pair: Pair, here: Person, there: Person) -> None:
    """Without the token of the session no step, no withdrawal and no erasure happens."""
    case, ours, theirs = opened(pair, there, "forged")
    paths = [f"/referral/{ours}/say/cancel", f"/case/{case}/changed", f"/case/{case}/erase", f"/case/{case}/who/told"]
    for path in [*paths, f"/case/{case}/changed/part", f"/case/{case}/changed/never"]:
        assert here.post(path, {"whom": "all", "name": "forged", "csrf": "x"}).status == 403
    assert there.post(f"/referral/{theirs}/say/cannot", {"reason": "DUPLICATE"}).status == 403
    assert view(pair.kz, ours).status == "UNDER_REVIEW"


def test_a_step_counts_once_and_a_late_one_is_told(pair: Pair, here: Person, there: Person) -> None:
    """The same form twice is one event; one whose course moved on meanwhile is refused, and what was typed is kept."""
    _, _, theirs = opened(pair, there, "once")
    path = f"/referral/{theirs}/say/accept"
    form = {**there.get(path).forms[path], "responsible_worker_role": "SOCIAL_WORKER", "note": "Fictional: once"}
    late = {**there.get(path).forms[path], "responsible_worker_role": "SOCIAL_WORKER", "note": "Fictional: late"}
    for _ in range(2):
        assert there.post(path, form).path == f"/referral/{theirs}"
    events = referrals.own_words(*desk_of(pair.world, pair.uz), theirs, "en").events
    assert [each.type for each in events].count(EventType.REFERRAL_ACCEPTED) == 1
    page = there.post(path, late)
    assert page.status == 409
    assert "What you typed is kept" in page.text
