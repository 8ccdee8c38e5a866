"""Identity as forms have it: every spelling of a name, a document, parents, signing, and the sender's reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from refbus.core.vocabulary import EventType
from refbus.errors import Code
from refbus_gateway.actions import worklist
from refbus_gateway.actions.worklist import Search
from refbus_gateway.forms.problems import CaseInvalidError
from support.commands import Commands, file
from support.desks import desk_of
from support.gateways import case_file, consent_file, id_of, incoming, new_case, open_at, say, sent
from support.nodes import Road

PERSON: dict[str, Any] = {
    "prs_FirstName": "Жамшид",
    "prs_SecondName": "Тўқимаев",
    "prs_Birthdate": "1990-05-01",
    "other_names": ["Болта"],
    "spellings": ["TUKIMAEV JAMSHID"],
    "birthplace": "Fictional village",
    "mother_name": "Fictional mother",
    "reading": "WITH_HELP",
    "sign_language": "rsl",
    "accessible_transport": ["WHEELCHAIR"],
}
DOCUMENT = {
    "document_kind": "PASSPORT",
    "document_series": "AA",
    "document_number": "0000000",
    "document_issuer": "Fictional office",
    "document_issued_on": "14.3.2020",
    "document_valid_until": "2030-03-13",
    "arrived_on": "5.2025",
}
REFERENCE = "A-2026/117"


def test_identity_travels_and_the_reference_comes_back_with_answers(
    own: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The recipient reads all of it; whoever reads an answer finds the reference of the own system beside it."""
    content = case_file(person=PERSON, immigration=DOCUMENT, reference=REFERENCE, safe_contact={"may_video": True})
    _, number = sent(own.kz, content, consent_file())
    own.settle()
    there = incoming(own.uz, id_of(own.kz, number))
    shown = repr([event.sections for event in open_at(own.uz, there).events])
    for text in ("TUKIMAEV JAMSHID", "Болта", "Fictional village", "Russian Sign Language", "wheelchair", "2020-03-14"):
        assert text in shown, text
    assert REFERENCE in shown
    say(own.uz, there, EventType.REFERRAL_ACCEPTED, responsible_worker_role="CASE_MANAGER")
    own.settle()
    told = Commands(own, capsys).json(own.agency, "inbox", "show", str(number))
    assert {event["type"] for event in told["events"]} >= {"ReferralRequested", "ReferralAccepted"}
    assert REFERENCE in repr(told["events"][0]["content"])


def test_what_the_person_withholds_of_it_stays(own: Road) -> None:
    """A disability is health data and parents are family data, wherever the field stands."""
    form = consent_file()
    case = case_file(person={"prs_Birthdate": "1990", "sign_language": "rsl", "mother_name": "Fictional"})
    with own.kz.store.write() as tx:
        from refbus_gateway.cases import casework
        from refbus_gateway.store import cases

        number = casework.add_case(own.kz, tx, case).id
        found = casework.file_of(own.kz, tx, cases.get(tx, number)).categories
    assert {str(each) for each in found} >= {"HEALTH", "FAMILY", "IDENTITY"}
    assert form


@pytest.mark.parametrize("reference", ["Fictional Person", "имя-1", "noname", "x1" * 21, "a b 1"])
def test_a_reference_is_no_name(own: Road, reference: str) -> None:
    """It is sent without asking the person, so it is letters, digits and signs, with a digit, and short."""
    with pytest.raises(CaseInvalidError) as refused:
        new_case(own.kz, case_file(reference=reference))
    assert [each.path for each in refused.value.problems] == ["reference"]


@pytest.mark.parametrize(
    "asked", ["Jamshid", "жамшид", "JAMSHID Tukimaev", "Zhamshid", "тўқимаев", "tuqimaev", "bolta", "Folder", "фолдер"]
)
def test_a_search_finds_one_spelling_by_another(own: Road, asked: str) -> None:
    """Latin by Cyrillic and back, passports' ways of writing it, further names; another person is not found."""
    sent(own.kz, case_file(person=PERSON, file_number="Folder 7"), consent_file())
    sent(own.kz, case_file(person={"prs_FirstName": "Fictional", "prs_Birthdate": "1980"}), consent_file())
    desk, actor = desk_of(own, own.kz)
    assert worklist.found(desk, actor, Search(nickname=asked), 10).total == 1
    assert worklist.found(desk, actor, Search(nickname="Somebody"), 10).total == 0


def test_documents_that_cannot_be_are_refused(own: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Issued before birth, come before birth, the exploitation over before it began."""
    wrong = case_file(
        person=PERSON,
        immigration={**DOCUMENT, "document_issued_on": "1989-01-01", "arrived_on": "1980"},
        trafficking={"exploited_from": "2025", "exploited_until": "2024"},
    )
    told = Commands(own, capsys).run(own.agency, "case", "add", file(tmp_path, "case.json", wrong), ok=False).err
    assert told.count(Code.FACTS_CONTRADICT) >= 3
    for path in ("immigration.document_issued_on", "immigration.arrived_on", "trafficking.exploited_until"):
        assert path in told
