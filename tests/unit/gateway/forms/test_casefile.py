"""Case files: what is right is sent as it was written, and what is wrong is named, all at once."""

from __future__ import annotations

import base64
import json
import tomllib
import unicodedata
from typing import Any

import pytest

from refbus.core.consent.age import rules_of
from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, EventId, ReferralId
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import DataCategory, EventType, Priority, Purpose
from refbus.errors import Code
from refbus.wire.payload import coded, decode_payload, encode_payload, unknown_codes
from refbus_gateway.forms.case_template import template
from refbus_gateway.forms.casefile import CaseFile, RecipientQuery, parse_case
from refbus_gateway.forms.problems import CaseInvalidError, Problem
from refbus_gateway.forms.text import MAX_BYTES
from support.directories import NOW_MS
from support.payloads import EVENT_ID, FILE, REFERRAL_ID, case_bytes, case_document
from support.tree import ROOT

CASES = sorted((ROOT / "infra" / "trials" / "demo" / "cases").glob("*.json"))
PLAN = tomllib.loads((ROOT / "infra" / "trials" / "demo" / "cases" / "plan.toml").read_text(encoding="utf-8"))["case"]


def _parse(**changes: Any) -> CaseFile:
    return parse_case(case_bytes(**changes), now_ms=NOW_MS)


def _problems(data: bytes) -> tuple[Problem, ...]:
    with pytest.raises(CaseInvalidError) as caught:
        parse_case(data, now_ms=NOW_MS, desk=rules_of(None))
    return caught.value.problems


def _only(**changes: Any) -> Problem:
    """Return the one problem of the small case file with these changes."""
    found = _problems(case_bytes(**changes))
    assert len(found) == 1, found
    return found[0]


def _sent(case: CaseFile) -> dict[str, Any]:
    return decode_payload(
        encode_payload(EventType.REFERRAL_REQUESTED, case.payload(EventId(EVENT_ID), ReferralId(REFERRAL_ID)))
    )[1]


def test_small_case() -> None:
    """The routing facts are read, categories are computed, and the payload holds what was written."""
    case = _parse()
    assert (case.recipient, case.purpose, case.priority) == ("uz-4f7k2m9q", Purpose.REFERRAL_SERVICES, Priority.URGENT)
    assert case.reply_by_ms == NOW_MS + 24 * HOUR_MS
    assert case.categories == {DataCategory.IDENTITY, DataCategory.SERVICE_NEEDS}
    payload = _sent(case)
    assert payload["person"]["prs_FirstName"] == "Вымышленное лицо 07"
    assert payload["reason"] == coded("htcds.cas_ReasonForReferral", "AdditionalServicesRequired")
    assert (payload["event_id"], payload["referral_id"]) == (EVENT_ID, REFERRAL_ID)
    assert payload["reply_by_ms"] == case.reply_by_ms


def test_recipient_by_what_it_is() -> None:
    """A recipient may be left to be chosen, by country, role and service."""
    case = _parse(recipient={"country": "uz", "role": "NGO", "service": "SocialCare"})
    assert case.recipient == RecipientQuery(CountryCode("uz"), OrgRole.NGO, "SocialCare")
    assert _parse(recipient={"country": "kg"}).recipient == RecipientQuery(CountryCode("kg"), None, None)


def test_reply_by_is_a_time_with_its_zone() -> None:
    """A time in any zone becomes milliseconds UTC; without one only the policy's clock counts."""
    case = _parse(reply_within_hours=None, reply_by="2026-10-01T05:00:00+05:00")
    assert case.reply_by_ms == 1_790_812_800_000
    assert _parse(reply_within_hours=None).reply_by_ms is None


def test_texts_are_put_into_nfc_and_nothing_else() -> None:
    """The same letters have the same bytes; spaces, case and lines stay as they were typed."""
    typed = "  Й й\n— Oʻzbekcha, Өзге, Ҷӯй, ýaş  "
    decomposed = unicodedata.normalize("NFD", typed)
    assert decomposed != typed
    assert _sent(_parse(safety_plan=decomposed))["safety_plan"] == typed


def test_attachments_get_their_hash() -> None:
    """A file is given in Base64; its hash is computed and its category counts."""
    file = {
        "data_category": "PHOTO_BIOMETRIC",
        "title": "Вымышленное фото",
        "media_type": "image/png",
        "content_base64": base64.b64encode(FILE).decode(),
    }
    case = _parse(attachments=[file])
    assert DataCategory.PHOTO_BIOMETRIC in case.categories
    assert _sent(case)["attachments"][0]["content"] == FILE


def test_byte_order_mark_and_own_notes_are_passed_over() -> None:
    """What some editors write before the text does no harm; `about` and `help` are not sent."""
    data = b"\xef\xbb\xbf" + case_bytes(about="Fictional", help={"anything": 1})
    assert "about" not in parse_case(data, now_ms=NOW_MS).fields


def test_full_coded_values_are_taken() -> None:
    """Another system may write a code with its list and version."""
    assert _parse(reason=coded("htcds.cas_ReasonForReferral", "Other")).fields["reason"]["code"] == "Other"


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", Code.CASE_INVALID, "not JSON"),
        (b"\xff\xfe{}", Code.CASE_INVALID, "UTF-8"),
        (b"[]", Code.CASE_INVALID, "one object"),
        (b'{"a": [', Code.CASE_INVALID, "line 1"),
        (b"[" * 500_000, Code.CASE_INVALID, "nested"),
        (b'{"a":' * 11 + b"1" + b"}" * 11, Code.CASE_INVALID, "nested"),
        (b'{"a": 1, "a": 2}', Code.CASE_INVALID, "twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", Code.CASE_INVALID, "digits"),
        (b" " * (MAX_BYTES + 1), Code.TOO_LARGE, "larger"),
    ],
)
def test_files_that_cannot_be_read(data: bytes, code: Code, words: str) -> None:
    """Size, letters, depth and names given twice are judged before anything else, cheaply."""
    (problem,) = _problems(data)
    assert problem.code is code
    assert words in problem.advice


@pytest.mark.parametrize(
    ("changes", "path", "code", "words"),
    [
        ({"format": "refbus-case/2"}, "format", Code.CASE_INVALID, "refbus-case/1"),
        ({"about": 5}, "about", Code.CASE_INVALID, "quotation"),
        ({"purpose": "TOURISM"}, "purpose", Code.UNKNOWN_VALUE, "REPATRIATION"),
        ({"purpose": None}, "purpose", Code.CASE_INVALID, "missing"),
        ({"priority": ["URGENT"]}, "priority", Code.UNKNOWN_VALUE, "ROUTINE"),
        ({"recipient": None}, "recipient", Code.CASE_INVALID, "orgs find"),
        ({"recipient": {"organisation": "The NGO"}}, "recipient.organisation", Code.CASE_INVALID, "id"),
        ({"recipient": {"organisation": 5}}, "recipient.organisation", Code.CASE_INVALID, "id"),
        ({"recipient": {"organisation": "uz-4f7k2m9q", "country": "uz"}}, "recipient", Code.CASE_INVALID, "either"),
        ({"recipient": {"country": "UZ"}}, "recipient.country", Code.CASE_INVALID, "country"),
        ({"recipient": {"country": "uz", "role": "FRIEND"}}, "recipient.role", Code.UNKNOWN_VALUE, "NGO"),
        ({"recipient": {"country": "uz", "service": []}}, "recipient.service", Code.UNKNOWN_VALUE, "spl_Type"),
        ({"recipient": {"country": "uz", "rôle": "NGO"}}, "recipient.rôle", Code.CASE_INVALID, "role"),
        ({"reply_within_hours": 0}, "reply_within_hours", Code.CASE_INVALID, "1440"),
        ({"reply_within_hours": True}, "reply_within_hours", Code.CASE_INVALID, "whole"),
        ({"reply_by": "2026-10-01T00:00:00Z"}, "reply_by", Code.CASE_INVALID, "not both"),
        ({"reply_within_hours": None, "reply_by": "tomorrow"}, "reply_by", Code.CASE_INVALID, "zone"),
        ({"reply_within_hours": None, "reply_by": "2999-01-01"}, "reply_by", Code.CASE_INVALID, "zone"),
        ({"reply_within_hours": None, "reply_by": 5}, "reply_by", Code.CASE_INVALID, "zone"),
        ({"reply_within_hours": None, "reply_by": "2026-01-01T00:00:00Z"}, "reply_by", Code.CASE_INVALID, "past"),
        ({"fictional": "yes"}, "fictional", Code.CASE_INVALID, "true or false"),
        ({"reason": None}, "reason", Code.CASE_INVALID, "missing"),
        ({"services_requested": []}, "services_requested", Code.CASE_INVALID, "at least one"),
        ({"services_requested": "Legal"}, "services_requested", Code.CASE_INVALID, "list"),
        ({"services_requested": ["Leagl"]}, "services_requested[0]", Code.UNKNOWN_VALUE, "did you mean Legal?"),
        ({"services_requested": ["health_medical_service"]}, "services_requested[0]", Code.UNKNOWN_VALUE, "Health"),
        ({"reason": {"code": "Other"}}, "reason", Code.CASE_INVALID, "cas_ReasonForReferral"),
        ({"reason": coded("refbus.Need", "OTHER")}, "reason", Code.UNKNOWN_VALUE, "cas_ReasonForReferral"),
        ({"reason": 5}, "reason", Code.CASE_INVALID, "cas_ReasonForReferral"),
        ({"needs": ["MEDICAL"] * 201}, "needs", Code.CASE_INVALID, "at most"),
        ({"person": "Somebody"}, "person", Code.CASE_INVALID, "object"),
        ({"person": {"FirstName": "x"}}, "person.FirstName", Code.CASE_INVALID, "did you mean prs_FirstName?"),
        ({"person": {"prs_Birthdate": "1991-02-30"}}, "person.prs_Birthdate", Code.CASE_INVALID, "date like"),
        ({"person": {"prs_NumberOfChildren": 31}}, "person.prs_NumberOfChildren", Code.CASE_INVALID, "0 to 30"),
        ({"person": {"prs_NumberOfChildren": 1.5}}, "person.prs_NumberOfChildren", Code.CASE_INVALID, "whole"),
        ({"person": {"prs_NumberOfChildren": True}}, "person.prs_NumberOfChildren", Code.CASE_INVALID, "whole"),
        ({"safety_plan": " \n"}, "safety_plan", Code.CASE_INVALID, "empty"),
        ({"safety_plan": "x" * 20_001}, "safety_plan", Code.CASE_INVALID, "longer"),
        ({"safety_plan": "a\x1b[2Jb"}, "safety_plan", Code.CASE_INVALID, "control"),
        ({"safety_plan": "a\u202eb"}, "safety_plan", Code.CASE_INVALID, "direction"),
        ({"surprise": 1}, "surprise", Code.CASE_INVALID, "no such field"),
        ({"\x1b[2J" + "x" * 90: 1}, "<U+001B>[2J" + "x" * 36, Code.CASE_INVALID, "no such field"),
    ],
)
def test_each_problem_has_its_place_and_its_advice(changes: dict[str, Any], path: str, code: Code, words: str) -> None:
    """Nothing is defaulted, trimmed or guessed: the file is refused, and says where and what to do."""
    problem = _only(**changes)
    assert (problem.path, problem.code) == (path, code)
    assert words in problem.advice


def test_lone_surrogates_are_refused() -> None:
    """JSON can escape half of a letter; Avro and UTF-8 cannot hold it."""
    data = case_bytes(safety_plan="here").replace(b'"here"', b'"\\ud800"')
    assert [problem.path for problem in _problems(data)] == ["safety_plan"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"content_base64": "not base64!"}, "attachments[0].content_base64"),
        ({"content_base64": ""}, "attachments[0].content_base64"),
        ({"content_base64": 5}, "attachments[0].content_base64"),
        ({"data_category": "SHOE_SIZE"}, "attachments[0].data_category"),
        ({"media_type": "png"}, "attachments[0].media_type"),
        ({"sha256": "00"}, "attachments[0].sha256"),
    ],
)
def test_attachments_are_checked(change: dict[str, Any], path: str) -> None:
    """A file that is not Base64 or has no category is refused; its hash is never taken from outside."""
    file = {"data_category": "LEGAL_CASE", "title": "x", "media_type": "text/plain", "content_base64": "YQ=="}
    assert _only(attachments=[{**file, **change}]).path == path


def test_all_problems_come_at_once_and_quote_nothing() -> None:
    """One run names every problem; the message that may be logged only counts them."""
    canary = "Секретное имя"
    document = case_document(purpose="X", person={"prs_Citizenship": [canary], "prs_FirstName": 5}, reason=canary)
    with pytest.raises(CaseInvalidError) as caught:
        parse_case(json.dumps(document).encode(), now_ms=NOW_MS)
    assert [problem.path for problem in caught.value.problems] == [
        "purpose",
        "reason",
        "person.prs_FirstName",
        "person.prs_Citizenship[0]",
    ]
    assert str(caught.value) == "CASE_INVALID: 4 problems"
    assert canary not in repr(caught.value.problems)


def test_code_is_unknown_value_when_nothing_else_is_wrong() -> None:
    """A file whose only problems are unknown codes says UNKNOWN_VALUE."""
    with pytest.raises(CaseInvalidError) as caught:
        _parse(reason="Weather", priority="SOON")
    assert caught.value.code is Code.UNKNOWN_VALUE


def test_template_names_every_compulsory_field() -> None:
    """The empty template is a case file that lacks only what is compulsory, and explains every field."""
    document = json.loads(template())
    found = {problem.path for problem in _problems(template().encode())}
    assert found == {
        "recipient.organisation",
        "purpose",
        "priority",
        "fictional",
        "reason",
        "source_of_referral",
        "services_requested",
        "responsible_worker_role",
    }
    assert "Compulsory" in document["help"]["reason"]
    assert "ForcedLabour" in document["help"]["trafficking.vic_TypeOfExploitation[]"]
    assert "content_base64" in json.dumps(document["help"])
    assert "sha256" not in json.dumps(document["help"])


def test_filled_template_is_accepted() -> None:
    """What a person fills into the template is sent; sections left empty are left out."""
    document = {**json.loads(template()), **case_document()}
    assert parse_case(json.dumps(document).encode(), now_ms=NOW_MS).fields.keys() >= {"reason", "person"}
    assert "guardian" not in parse_case(json.dumps(document).encode(), now_ms=NOW_MS).fields


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_fictional_cases_are_valid(path: Any) -> None:
    """Each demonstration case parses, says that it is fictional, and has no unknown code."""
    case = parse_case(path.read_bytes(), now_ms=NOW_MS)
    assert case.fictional
    assert unknown_codes(EventType.REFERRAL_REQUESTED, _sent(case)) == ()
    assert "Fictional case" in json.loads(path.read_text(encoding="utf-8"))["about"]


def test_the_set_of_cases_is_what_the_region_needs() -> None:
    """At least 24 cases, four countries on both sides, adults and minors, forced labour first, refusals among them."""
    assert len(CASES) >= 24
    assert {entry["file"] for entry in PLAN} == {path.name for path in CASES}
    assert {entry["sender"] for entry in PLAN} == {entry["recipient"] for entry in PLAN} == {"kz", "kg", "tm", "uz"}
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in CASES]
    minors = [document for document in documents if (document.get("person") or {}).get("is_minor")]
    unknown = [
        each for each in documents if "person" in each and not {"is_minor", "prs_Birthdate"} & each["person"].keys()
    ]
    assert len(minors) + len(unknown) == sum(entry["minor"] for entry in PLAN) >= 3
    assert len(unknown) == 1, "a child whose birth date nobody knows"
    types = [
        kind for document in documents for kind in document.get("trafficking", {}).get("vic_TypeOfExploitation", [])
    ]
    assert types.count("ForcedLabour") > len(CASES) / 2
    people = [document.get("person") or {} for document in documents]
    assert any(each.get("sign_language") for each in people), "a deaf adult"
    assert any("child_of" in entry for entry in PLAN), "a family"
    assert any(document.get("immigration", {}).get("document_kind") == "LOSS_REPORT" for document in documents)
    refused = {entry["expect"] for entry in PLAN} - {"ANSWERED"}
    assert refused <= set(Code)
    assert {"RESIDENCY_FORBIDDEN", "CATEGORY_NOT_COVERED", "NO_CONSENT", "WITHDRAWN"} <= refused
    languages = {document["person"]["prs_PrimaryLanguage"] for document in documents if "person" in document}
    assert {"rus", "kaz", "kir", "uzb", "tuk", "tgk", "eng"} <= languages


def test_the_example_of_the_page_is_a_case() -> None:
    """What docs/integrators/case-file.md shows first can be sent as it stands."""
    page = (ROOT / "docs" / "integrators" / "case-file.md").read_text(encoding="utf-8")
    example = page.split("```json\n")[1].split("```")[0]
    assert parse_case(example.encode(), now_ms=NOW_MS).fictional
