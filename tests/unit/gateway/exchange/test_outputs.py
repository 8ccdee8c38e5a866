"""A case that goes out to another system and comes in again says the same, but for what was told as lost."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import openpyxl
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.patient import Patient

from refbus_gateway.exchange import outputs, tables
from refbus_gateway.exchange.records import flat
from refbus_gateway.exchange.spreadsheets import guarded, unguarded
from refbus_gateway.words.losses import Loss, Lost
from support.imported import FILES, SERVICES, drafts_of

CASE: dict[str, Any] = {
    **{name: value for name, value in SERVICES.items() if name != "recipient"},
    "file_number": "H-2026/4",
    "reference": "H-2026/4",
    "about": "age = 30--38; registered = 2019; estimated = true",
    "services_requested": ["Legal", "SocialCare"],
    "reason": "AdditionalServicesRequired",
    "reason_details": "Needs a lawyer, and a bed",
    "needs_details": "=cmd|' /C calc'!A0",
    "person": {
        "prs_FirstName": "Намуна",
        "prs_MiddleName": "Otasining",
        "prs_SecondName": "Тўқима",
        "prs_Birthdate": "1998-07",
        "prs_Gender": "Feminine",
        "prs_MaritalStatus": "Married",
        "prs_PrimaryLanguage": "uzb",
        "prs_Citizenship": ["UZ", "KZ"],
        "prs_MobilePhone": "+998900000004",
        "prs_MailingStreet": "-1 Example",
        "prs_MailingCity": "@home",
        "other_names": ["Iki", "'quoted", "+plus"],
        "birthplace": "Example, town",
    },
    "trafficking": {
        "vic_TypeOfExploitation": ["ForcedLabour", "Servitude"],
        "vic_ForcedLabourIndustry": ["A_AgricultureForestryAndFishing"],
        "vic_MethodsOfControl": ["DebtBondage", "WithholdsDocuments"],
        "summary": "Two lines\nof text",
    },
    "interpreter": {"needed": True, "language": "uzb"},
}
STATED = {"stated_age": 14, "stated_age_to": 16, "stated_age_on": "2026-09-01", "stated_age_estimated": True}
AGED: dict[str, Any] = {**CASE, "person": {"prs_FirstName": "Намуна", "prs_Gender": "Feminine", **STATED}}
WRITTEN = ["refbus-csv", "htcds", "fhir-r4"]


def facts(document: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a case file by their paths."""
    return {path: value for path, value in flat(document, "", {}) if path != "format"}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("case", [CASE, AGED, {**AGED, "person": {**AGED["person"], "stated_age_estimated": False}}])
def test_what_goes_out_comes_in_again(name: str, case: dict[str, Any]) -> None:
    """Each fact is in the file and comes back as it was, or the report says that it is lost; never neither."""
    one = tables.named_to_write(name)
    made = outputs.write(one, case)
    (back,) = drafts_of(made.content, None, {})
    lost = {each.source for each in made.lost}
    expected = {path: value for path, value in facts(case).items() if path not in lost}
    assert facts(json.loads(back.content)) == expected
    assert back.refused == ()
    assert {each.source for each in made.taken} | lost == facts(case).keys()


def test_a_stated_age_goes_out_whole_or_is_named() -> None:
    """Two formats say it; in that of HTCDS no field does, so each part is told as lost, and a note everywhere."""
    for name, said in (("refbus-csv", True), ("fhir-r4", True), ("htcds", False)):
        made = outputs.write(tables.named_to_write(name), AGED)
        lost = {each.source for each in made.lost if each.source.startswith("person.stated_age")}
        assert lost == (set() if said else {f"person.{each}" for each in STATED})
    assert Lost("about", Loss.NO_FIELD) in outputs.write(tables.named_to_write("fhir-r4"), CASE).lost


def test_our_own_table_says_everything() -> None:
    """Only files and what is about this home stay out of it."""
    assert outputs.write(tables.named_to_write("refbus-csv"), CASE).lost == ()


@pytest.mark.parametrize("name", ["htcds", "fhir-r4"])
def test_a_code_of_ours_goes_to_no_list_of_others(name: str) -> None:
    """An extension is lost where the list is theirs, and told."""
    person = {"person": {"prs_Citizenship": ["x_STATELESS"], "prs_FirstName": "Намуна"}}
    made = outputs.write(tables.named_to_write(name), {"services_requested": ["x_food_service"], **person})
    assert ("person.prs_Citizenship[0]", Loss.NO_CODE) in {(each.source, each.reason) for each in made.lost}
    assert b"STATELESS" not in made.content


def test_no_cell_of_a_table_is_a_formula() -> None:
    """A text that begins like one has ' before it in CSV, and is a text in a workbook."""
    made = outputs.write(tables.named_to_write("refbus-csv"), CASE)
    cells = [cell for row in csv.reader(io.StringIO(made.content.decode("utf-8-sig"))) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    book = openpyxl.load_workbook(io.BytesIO(outputs.write(tables.named_to_write("htcds"), CASE).content))
    kinds = {cell.data_type for row in book.worksheets[0].iter_rows() for cell in row if cell.value is not None}
    assert kinds == {"s"}


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\t=1", "'", "'=1", "''=1", "'a", "a", "", "it's"])
def test_what_is_guarded_is_the_same_again(text: str) -> None:
    """Whatever a cell says comes back as it was."""
    assert unguarded(guarded(text)) == text


def test_files_of_a_case_stay_here() -> None:
    """An attachment is told as lost, and none of its content is in a table."""
    made = outputs.write(
        tables.named_to_write("refbus-csv"), {"attachments": [{"title": "a", "content_base64": "QUFB"}]}
    )
    assert {each.reason for each in made.lost} == {Loss.TOO_LONG}
    assert b"QUFB" not in made.content


def test_a_bundle_links_what_is_asked_for_with_the_person() -> None:
    """Each service is a request of its own, and each points at the person of the same file."""
    bundle = json.loads(outputs.write(tables.named_to_write("fhir-r4"), CASE).content)
    first, *rest = bundle["entry"]
    assert first["resource"]["resourceType"] == "Patient"
    assert [each["resource"]["subject"]["reference"] for each in rest] == [first["fullUrl"]] * 2
    assert {each["resource"]["status"] for each in rest} == {"active"}


def test_a_bundle_is_fhir() -> None:
    """The models of a library of FHIR take what goes out, and the examples that come in."""
    for case in (CASE, AGED):
        made = outputs.write(tables.named_to_write("fhir-r4"), case)
        assert len(Bundle.model_validate_json(made.content).entry or ()) == 3
    Bundle.model_validate_json((FILES / "fhir-bundle.json").read_bytes())
    Patient.model_validate_json((FILES / "fhir-patient.json").read_bytes())
