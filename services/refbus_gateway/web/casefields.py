"""The fields of a case file on pages: which stand on which step, in which block, with the words of their questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from refbus.core.consent.age import Clash
from refbus.core.plausibility import ASKED, RULES
from refbus.errors import Code
from refbus.said import Said, placed
from refbus.wire.codelists import code_list
from refbus.wire.fields import Kind
from refbus_gateway.forms.casefile import case_fields
from refbus_gateway.forms.plausible import CONFIRMED
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web import fields
from refbus_gateway.web.fields import Shown
from refbus_gateway.words.catalogue import Catalogue, mark
from refbus_gateway.words.codes import label as label_of
from refbus_gateway.words.names import nearest_code

NEED: Final = ("services_requested", "reason", "fictional")
URGENCY: Final = ("responsible_worker_role", "source_of_referral")
PERSON: Final = ("person.prs_FirstName", "person.prs_SecondName", "person.prs_Birthdate", "person.is_minor")
STATED: Final = (
    "person.stated_age",
    "person.stated_age_to",
    "person.stated_age_on",
    "person.stated_age_estimated",
)
PERSON_MORE: Final = ("person.prs_Gender", "person.prs_Citizenship", "person.prs_PrimaryLanguage")
JUDGED: Final = ("adult_judgement.reason",)
SAFE: Final = (
    "safe_contact.may_call",
    "safe_contact.may_text",
    "safe_contact.may_video",
    "safe_contact.safe_hours",
    "safe_contact.code_word",
)
SAFE_MORE: Final = ("safe_contact.never",)
NUMBERS: Final = ("person.prs_MobilePhone", "person.prs_HomePhone", "person.prs_Email")
ADDRESS: Final = (
    "person.prs_MailingStreet",
    "person.prs_MailingCity",
    "person.prs_MailingState",
    "person.prs_MailingPostalCode",
    "person.prs_MailingCountry",
)


_LAW: Final = ("status", "role", "case_number", "next_hearing", "compensation", "summary")


@dataclass(frozen=True, slots=True)
class Block:
    """Fields that unfold together."""

    name: str
    title: str
    paths: tuple[str, ...]


BLOCKS: Final = (
    Block(
        "needs",
        mark("What else is needed"),
        ("needs", "needs_details", "reason_details", "special_arrangements", "person.prs_SecondaryLanguage"),
    ),
    Block(
        "interpreter",
        mark("Interpreter"),
        ("interpreter.needed", "interpreter.language", "interpreter.wishes"),
    ),
    Block("place", mark("Where the person is now"), ("location.country", "location.place_kind", "location.area")),
    Block(
        "danger",
        mark("Danger, and the plan to stay safe"),
        ("risk.level", "risk.factors", "risk.summary", "risk.assessed_on", "safety_plan"),
    ),
    Block("health", mark("Health"), ("health.urgent", "health.summary")),
    Block("sexual", mark("Sexual health"), ("health.sexual_health",)),
    Block(
        "family",
        mark("Family"),
        ("person.prs_MaritalStatus", "person.prs_NumberOfChildren", "family.summary", "family.may_contact"),
    ),
    Block(
        "guardian",
        mark("Who is responsible for the child"),
        (
            "guardian.relation",
            "guardian.name",
            "guardian.phone",
            "guardian.appointment",
            "guardian.conflict_checked",
        ),
    ),
    Block(
        "happened",
        mark("What happened"),
        (
            "trafficking.summary",
            "trafficking.vic_TraffickingStatus",
            "trafficking.vic_TraffickingStatusDecisionMakingOrg",
            "trafficking.vic_TypeOfExploitation",
            "trafficking.vic_ForcedLabourIndustry",
            "trafficking.vic_TypeOfSexExploitation",
            "trafficking.vic_LocationOfExploitation",
            "trafficking.exploitation_countries",
            "trafficking.exploited_from",
            "trafficking.exploited_until",
            "trafficking.vic_MethodOfRecruitment",
            "trafficking.vic_LocationOfRecruitment",
            "trafficking.vic_RecruitmentWebsitesAndApps",
            "trafficking.vic_ExploitationWebsitesAndApps",
            "trafficking.vic_MethodsOfControl",
            "trafficking.palermo_act",
            "trafficking.palermo_means",
            "trafficking.vic_AgeWhenTrafficked",
        ),
    ),
    Block(
        "perpetrators",
        mark("Who did it"),
        ("trafficking.perpetrator", "trafficking.vic_RelationshipToTrafficker"),
    ),
    Block(
        "residence",
        mark("Residence and travel"),
        (
            "immigration.status",
            "immigration.has_travel_document",
            "immigration.travel_document",
            "immigration.permit_until",
            "immigration.reflection_until",
            "immigration.entry_ban_until",
            "immigration.exit_permission",
            "immigration.exit_permission_until",
            "immigration.arrived_on",
        ),
    ),
    Block(
        "document",
        mark("Identity document"),
        (
            "immigration.document_kind",
            "immigration.document_series",
            "immigration.document_number",
            "immigration.document_issuer",
            "immigration.document_issued_on",
            "immigration.document_valid_until",
        ),
    ),
    Block(
        "parents",
        mark("Parents, if a consulate must confirm who it is"),
        ("person.mother_name", "person.father_name"),
    ),
    Block(
        "access",
        mark("Reading, signing, travelling"),
        ("person.reading", "person.sign_language", "person.accessible_transport"),
    ),
    Block("law", mark("Police, court, compensation"), tuple(f"legal_proceedings.{name}" for name in _LAW)),
    Block(
        "more",
        mark("More about who it is"),
        (
            "person.prs_Salutation",
            "person.prs_MiddleName",
            "person.prs_IdentityNumber",
            "person.prs_HighestLevelOfEducation",
            "person.other_names",
            "person.spellings",
            "person.birthplace",
            "reference",
        ),
    ),
)
ALL: Final = (
    *(*NEED, *URGENCY, *PERSON, *STATED, *PERSON_MORE, *JUDGED, *SAFE, *SAFE_MORE, *NUMBERS, *ADDRESS),
    *(path for block in BLOCKS for path in block.paths),
)
CONFIRMABLE: Final = tuple(f"{CONFIRMED}.{name}" for name in ASKED)
"""Fields of the reasons why facts are so that were asked about."""
_LABELS: Final[Mapping[str, str]] = {
    "services_requested": mark("Which help is needed?"),
    "reason": mark("Why do you refer the person?"),
    "fictional": mark("Is this practice? Then no such person exists."),
    "responsible_worker_role": mark("Who of you answers questions about it?"),
    "source_of_referral": mark("Where did the person first ask for help?"),
    "person.prs_FirstName": mark("First name"),
    "person.prs_SecondName": mark("Family name"),
    "person.prs_Birthdate": mark("Birth date, as far as it is known"),
    "person.is_minor": mark("Is the person a child?"),
    "person.prs_Gender": mark("Sex"),
    "person.prs_Citizenship": mark("Nationality"),
    "person.prs_PrimaryLanguage": mark("Language"),
    "adult_judgement.reason": mark("Why are you sure that the person is an adult?"),
    "safe_contact.may_call": mark("Is it safe to call?"),
    "safe_contact.may_text": mark("Is it safe to write a message?"),
    "safe_contact.may_video": mark("Is a video call safe?"),
    "person.spellings": mark("The name in another spelling, for instance Cyrillic"),
    "person.other_names": mark("Another name that the person uses"),
    "reference": mark("Reference that they quote in answers"),
    "safe_contact.safe_hours": mark("When is it safe?"),
    "safe_contact.code_word": mark("A word by which the person knows who calls"),
    "safe_contact.never": mark("Who must not learn of it, and what must never be done?"),
    "person.prs_MobilePhone": mark("Mobile telephone"),
    "person.prs_HomePhone": mark("Other telephone"),
    "person.prs_Email": mark("Email"),
    "needs": mark("What is needed at once?"),
    "interpreter.needed": mark("Is an interpreter needed?"),
    "family.may_contact": mark("May the family be contacted?"),
    "health.urgent": mark("Is medical help needed at once?"),
    "guardian.conflict_checked": mark("Was it asked whether this person took part in what happened?"),
    "immigration.has_travel_document": mark("Does the person have a valid travel document?"),
}
_PATTERNS: Final = {
    "person.prs_Citizenship": "search",
    "trafficking.exploitation_countries": "search",
    "responsible_worker_role": "select",
    "source_of_referral": "select",
    "guardian.relation": "select",
    "person.prs_HighestLevelOfEducation": "select",
    "location.place_kind": "select",
}


def of(words: Catalogue, paths: Sequence[str]) -> tuple[Shown, ...]:
    """Return the fields at these paths as a page shows them."""
    return tuple(_worded(words, each) for each in fields.of(words, case_fields(), paths))


def _worded(words: Catalogue, each: Shown) -> Shown:
    label = _LABELS.get(each.name)
    options = each.options
    if each.name == "fictional":
        options = ("false", words.text("No, a real person")), ("true", words.text("Yes, practice"))
    elif each.spec.kind is Kind.FLAG:
        options = (*options, ("", words.text("We do not know")))
    return replace(
        each,
        label=words.text(label) if label else each.label,
        options=options,
        optional=each.optional and each.name != "person.is_minor",
        pattern=_PATTERNS.get(each.name, each.pattern),
    )


def confirmable(words: Catalogue) -> list[tuple[str, str]]:
    """Return a field for each reason that may be asked, with what it is about; a page shows those that are."""
    headings = {rule.name: rule.heading for rule in RULES}
    return [
        (path, words.text("%(doubt)s. Why is it so?", doubt=words.text(headings[name])))
        for path, name in zip(CONFIRMABLE, ASKED, strict=True)
    ]


def categories(shown: Iterable[Shown]) -> tuple[str, ...]:
    """Return the data categories of fields, each once."""
    return tuple(dict.fromkeys(str(each.category) for each in shown if each.category))


def plain(words: Catalogue, shown: Iterable[Shown], document: Mapping[str, Any], found: Problem) -> Problem:
    """Return a problem of a case file in the words of a page, at its field."""
    path = found.path.partition("[")[0]
    if found.code is Code.AGE_CONTRADICTS:
        return Problem("person.is_minor", found.code, clash(words, found.advice))
    if found.code in {Code.FACTS_CONTRADICT, Code.FACTS_DOUBTFUL}:
        return Problem(path, found.code, words.spoken(found.advice))
    each = next((one for one in shown if one.name == path), None)
    if each is None:
        return Problem(path, found.code, _outside(words, path))
    return Problem(path, found.code, _advice(words, each, _value_at(document, path), found.advice))


def clash(words: Catalogue, told: str) -> str:
    """Say which questions about the age have answers that do not go together; `told` is a clash, or speaks of one."""
    found = told.values.get("clash", told) if isinstance(told, Said) else told
    asked = [_short(each.label) for each in of(words, found.fields)] if isinstance(found, Clash) else []
    text = words.text("The answers about the age do not go together. Find out which is true.")
    return f"{' / '.join(asked)}. {text}" if asked else text


def _outside(words: Catalogue, path: str) -> str:
    match path:
        case "reply_by":
            return words.text("Answer by: write a day and a time to come, within sixty days, like 31.3.2027 12:00")
        case "file_number":
            return words.text("Nickname: write one short line, at most 40 letters")
        case "priority":
            return words.text("Choose how urgent it is")
        case "recipient" | "recipient.organisation":
            return words.text("Choose an organisation")
        case "adult_judgement":
            return words.text("Write why you are sure that the person is an adult")
        case _:
            return words.text("This cannot be sent as it is. Look at it again.")


def _advice(words: Catalogue, each: Shown, value: object, advice: str) -> str:
    if value is None:
        return missing(words, each)
    label = _short(each.label)
    form = each.spec.attributes.get("format")
    if each.name == "person.prs_Birthdate":
        return words.text("Birth date: write a day like 31.3.1999, or a month like 3.1999, or only the year")
    if form in {"date", "partial_date"}:
        return words.text("%(label)s: write a day like 31.3.2027", label=label)
    if form == "e164":
        return words.spoken(placed(label, advice))
    if each.options:
        nearest = _nearest(words, each, value)
        if nearest:
            return words.text("%(label)s: did you mean %(nearest)s?", label=label, nearest=nearest)
        return words.text("%(label)s: choose from the list", label=label)
    if each.spec.kind is Kind.NUMBER:
        return words.text("%(label)s: write a number", label=label)
    return words.text("%(label)s: this text cannot be sent as it is. Type it again.", label=label)


def missing(words: Catalogue, each: Shown) -> str:
    """Return what to do with a field that has no answer: it names the field, since it stands on top of the page too."""
    if each.options:
        return choose(words, each.label)
    return words.text("%(label)s: write an answer", label=_short(each.label))


def choose(words: Catalogue, label: str) -> str:
    """Return that a question needs an answer out of those that stand below it."""
    return words.text("%(label)s: choose an answer", label=_short(label))


def _short(label: str) -> str:
    return label.rstrip("?. ")


def _nearest(words: Catalogue, each: Shown, value: object) -> str | None:
    """Return the words of the code that was probably meant."""
    if each.spec.kind is not Kind.CODED:
        return None
    known = code_list(each.spec.code_list).codes
    typed = next((item for item in (value if isinstance(value, list) else [value]) if item not in known), "")
    code = nearest_code(each.spec.code_list, str(typed))
    return label_of(words.language, each.spec.code_list, code) if code else None


def _value_at(document: Mapping[str, Any], path: str) -> object:
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
