"""A child never passes as an adult: at the desk, at the consent, at the return, at sending, and at the recipient."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from refbus.errors import Code, ConsentError, RefbusError
from refbus_gateway.courses import returns
from refbus_gateway.forms.problems import CaseInvalidError
from refbus_gateway.rules import age_check
from refbus_gateway.store import cases, consents, referrals, set_aside
from refbus_gateway.store.set_aside import AsideState
from support.altered import without_age_checks
from support.commands import Commands, file
from support.gateways import alarm_codes, case_file, consent_file, id_of, incoming, new_case, refer, take_consent
from support.homecoming import CHILD_CONSENT, WISH
from support.nodes import Road

BORN = "2015-06-01"
NAME = {"prs_FirstName": "Тўқима бола"}
JUDGED = {"reason": "Fictional: has grown children", "judged_by_role": "CASE_MANAGER"}


def codes_of(error: RefbusError) -> set[Code]:
    """Return every code of a refusal."""
    return {each.code for each in getattr(error, "problems", ())} or set(getattr(error, "reasons", (error.code,)))


def guardian(**changes: Any) -> bytes:
    """Return the consent of a guardian."""
    return consent_file(**{**CHILD_CONSENT, **changes})


def majority_of(road: Road, case: int) -> int | None:
    """Return the majority that the newest consent of a case states."""
    with road.kz.store.read() as tx:
        return consents.of_case(tx, cases.get(tx, case))[-1].signed.record.majority_at_ms


@pytest.mark.parametrize(
    ("person", "path"),
    [
        ({"prs_Birthdate": BORN, "is_minor": False}, "person"),
        ({"prs_Birthdate": "1991", "is_minor": True}, "person"),
        ({"prs_Birthdate": "2031-01-01"}, "person.prs_Birthdate"),
        ({"prs_Birthdate": "1400-12-23"}, "person.prs_Birthdate"),
    ],
)
def test_the_desk_refuses_facts_that_do_not_go_together(shared: Road, person: dict[str, Any], path: str) -> None:
    """Nothing is kept, and the place is named."""
    with pytest.raises(CaseInvalidError) as refused:
        new_case(shared.kz, case_file(person={**NAME, **person}))
    assert [each.path for each in refused.value.problems] == [path]


def test_a_child_does_not_consent_alone(shared: Road) -> None:
    """Whatever says that it may be a child: a birth date, is_minor, a "no" without a reason, or nothing at all."""
    for person, code in (
        ({"prs_Birthdate": BORN}, Code.AGE_CONTRADICTS),
        ({"is_minor": True}, Code.AGE_CONTRADICTS),
        ({"prs_Birthdate": "2008"}, Code.AGE_UNKNOWN),
        ({"is_minor": False}, Code.AGE_UNKNOWN),
        ({}, Code.AGE_UNKNOWN),
    ):
        case = new_case(shared.kz, case_file(about=f"Fictional: {person}", person={**NAME, **person}))
        with pytest.raises(CaseInvalidError) as refused:
            take_consent(shared.kz, case, consent_file())
        assert codes_of(refused.value) == {code}
        with pytest.raises(ConsentError) as unsent:
            refer(shared.kz, case)
        assert unsent.value.reasons == (Code.NO_CONSENT,)


def test_a_guardians_consent_states_the_majority_that_the_birth_date_gives(shared: Road) -> None:
    """Both gates read it there. It is the beginning of the birthday in Kazakhstan, and no other day is taken."""
    case = new_case(shared.kz, case_file(about="Fictional: majority", person={**NAME, "prs_Birthdate": BORN}))
    with pytest.raises(CaseInvalidError) as refused:
        take_consent(shared.kz, case, guardian(majority_on="2030-05-01"))
    assert codes_of(refused.value) == {Code.AGE_CONTRADICTS}
    form = {name: value for name, value in CHILD_CONSENT.items() if name != "majority_on"}
    take_consent(shared.kz, case, consent_file(**form))
    assert majority_of(shared, case) == int(datetime(2033, 5, 31, 19, tzinfo=UTC).timestamp() * 1000)
    assert refer(shared.kz, case)


def test_a_guardian_does_not_speak_for_an_adult(shared: Road) -> None:
    """The other way round is a contradiction too."""
    case = new_case(shared.kz, case_file(about="Fictional: adult", person={**NAME, "prs_Birthdate": "1991"}))
    with pytest.raises(CaseInvalidError) as refused:
        take_consent(shared.kz, case, guardian())
    assert codes_of(refused.value) == {Code.AGE_CONTRADICTS}


def test_the_word_that_somebody_is_no_minor_needs_a_reason(shared: Road) -> None:
    """Without one neither the person nor a guardian consents; with it the person does."""
    word = {**NAME, "is_minor": False}
    case = new_case(shared.kz, case_file(about="Fictional: a mere word", person=word))
    for form, code in ((consent_file(), Code.AGE_UNKNOWN), (guardian(), Code.AGE_CONTRADICTS)):
        with pytest.raises(CaseInvalidError) as refused:
            take_consent(shared.kz, case, form)
        assert codes_of(refused.value) == {code}
    judged = new_case(shared.kz, case_file(about="Fictional: judged", person=word, adult_judgement=JUDGED))
    take_consent(shared.kz, judged, consent_file())
    assert refer(shared.kz, judged)


def test_a_consent_from_before_a_reason_was_asked_is_sent_and_read(own: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was signed about a person who was said to be no minor stays valid, here and at the recipient."""
    case = new_case(own.kz, case_file(about="Fictional: earlier", person={**NAME, "is_minor": False}))
    with monkeypatch.context() as earlier:
        earlier.setattr(age_check, "with_majority", lambda _gateway, _tx, _case, record: record)
        take_consent(own.kz, case, consent_file())
    number = refer(own.kz, case)
    own.settle()
    assert incoming(own.uz, id_of(own.kz, number))


def test_unknown_is_a_child_until_somebody_documents_why_not(shared: Road) -> None:
    """With the reason and the role the person speaks for herself; the recipient reads both."""
    named = case_file(about="Fictional: judged", person={**NAME, "prs_Birthdate": "2008"}, adult_judgement=JUDGED)
    case = new_case(shared.kz, named)
    take_consent(shared.kz, case, consent_file())
    number = refer(shared.kz, case)
    shared.settle()
    assert incoming(shared.uz, id_of(shared.kz, number))
    with pytest.raises(CaseInvalidError) as refused:
        new_case(shared.kz, case_file(adult_judgement={"reason": "Fictional: looks so"}))
    assert [each.path for each in refused.value.problems] == ["adult_judgement"]


def test_a_return_has_the_guards_of_the_age_that_the_case_tells(shared: Road) -> None:
    """`is_minor: false` about a child begins no return."""
    for person, code in (
        ({"prs_Birthdate": BORN}, Code.AGE_CONTRADICTS),
        ({"is_minor": False}, Code.AGE_UNKNOWN),
        ({}, Code.AGE_UNKNOWN),
    ):
        case = new_case(shared.kz, case_file(about=f"Fictional: return {person}", person={**NAME, **person}))
        with shared.kz.store.write() as tx, pytest.raises(CaseInvalidError) as refused:
            returns.begin(shared.kz, tx, cases.get(tx, case), shared.shelter, WISH)
        assert codes_of(refused.value) == {code}


def test_a_birthday_in_mid_course_asks_the_person_anew(own: Road) -> None:
    """From local midnight on the guardian's word permits nothing, and the case has to be corrected first."""
    born = case_file(about="Fictional: birthday", person={**NAME, "prs_Birthdate": "2008-09-25", "is_minor": True})
    case = new_case(own.kz, born)
    form = {name: value for name, value in CHILD_CONSENT.items() if name != "majority_on"}
    take_consent(own.kz, case, consent_file(**form))
    assert refer(own.kz, case)
    own.clock.move(days=4)
    own.lab.republish(own.clock())
    own.publish()
    own.settle()
    with pytest.raises(CaseInvalidError) as refused:
        refer(own.kz, case, again=True)
    assert codes_of(refused.value) == {Code.AGE_CONTRADICTS}


def test_the_recipient_refuses_a_child_that_an_altered_program_sent_as_an_adult(
    own: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both gates pass it, since they see no birth date; the office takes nothing of it in, and a person hears of it."""
    with without_age_checks(monkeypatch):
        case = new_case(own.kz, case_file(person={**NAME, "prs_Birthdate": BORN, "is_minor": False}))
        take_consent(own.kz, case, consent_file())
        refer(own.kz, case)
    own.settle()
    with own.uz.store.read() as tx:
        assert referrals.every(tx) == []
        assert [row.code for row in set_aside.aside(tx, AsideState.REFUSED)] == [Code.AGE_CONTRADICTS]
    assert Code.AGE_CONTRADICTS in alarm_codes(own.uz)


def test_the_commands_tell_the_age(own: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`case show` says how the person is treated, and the form for a child asks for the majority."""
    own.kz.close()
    refbus = Commands(own, capsys)
    unknown = file(tmp_path, "unknown.json", case_file(person=NAME))
    refbus.run(own.agency, "case", "add", unknown)
    assert "treated as a child" in refbus.run(own.agency, "case", "show", unknown).out
    assert "majority_on" in refbus.run(own.agency, "consent", "new", unknown).out
    assert "majority_on" not in refbus.run(own.agency, "consent", "new", file(tmp_path, "a.json", case_file())).out
    refused = refbus.run(
        own.agency,
        "case",
        "add",
        file(tmp_path, "b.json", case_file(person={"prs_Birthdate": BORN, "is_minor": False})),
        ok=False,
    )
    assert "AGE_CONTRADICTS" in refused.err
