"""What a template printed is never taken for an answer: every form is refused at every place that nobody filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from refbus.core.consent.age import AgeRules
from refbus.core.consent.legal_basis import Ground, Incapacity, Protects
from refbus.core.placeholder import is_placeholder, placeholder, placeholders
from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code, ConsentError, MalformedError
from refbus.trust.member.policy import compile_policy
from refbus_gateway.cli.answers import SAYINGS
from refbus_gateway.cli.returns import STEPS
from refbus_gateway.consent import versions
from refbus_gateway.courses import emergencies, referral_steps, returns
from refbus_gateway.forms.casefile import parse_case
from refbus_gateway.forms.consentfile import parse_consent
from refbus_gateway.forms.problems import CaseInvalidError
from refbus_gateway.store import cases
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands, file
from support.directories import NOW_MS
from support.gateways import Pair, World, case_file, consent_file, new_case, refer, sent, take_consent
from support.tree import ROOT

PREFILLED = re.compile(r"format|help.*|recipient\.organisation|organisation|notice\.notice_id|permit.*|onward_of")
"""What a template states itself: it follows from the case or the policy, and nobody is asked."""
PERSONS: dict[str, dict[str, Any]] = {
    "adult": {"prs_Birthdate": "1991", "is_minor": False},
    "child": {"is_minor": True},
    "unknown": {"prs_FirstName": "Fictional"},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Give a world whose agency has read the directory."""
    made = World(tmp_path_factory.mktemp("world"))
    made.gateway(AGENCY).close()
    return made


@pytest.fixture
def templates(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """Give every form that the program prints, by its name."""
    refbus = Commands(world, capsys)
    forms = {"case": refbus.bare("case", "new").out}
    for name, person in PERSONS.items():
        case = file(tmp_path, f"{name}.json", case_file(about=f"Fictional: {name}", person=person))
        forms[f"consent {name}"] = refbus.run(AGENCY, "consent", "new", case).out
    for step in ("begin", *(each.name for each in STEPS)):
        forms[f"return {step}"] = refbus.bare("return", "template", step).out
    return {name: json.loads(text) for name, text in forms.items()}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of a form that is not a list or an object, with its path."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, f"{path}[{number}]")
    else:
        yield path, value


def test_a_template_answers_nothing(templates: dict[str, dict[str, Any]]) -> None:
    """Each value is empty, marked as the form's own words, or follows from the case and the policy."""
    for name, form in templates.items():
        for path, value in leaves(form):
            assert value in (None, "") or is_placeholder(value) or PREFILLED.fullmatch(path), (name, path)


def test_no_form_asks_for_milliseconds(templates: dict[str, dict[str, Any]]) -> None:
    """The explanation of a time says how people write it, also inside of a leg of a journey."""
    told = {name: json.dumps(form["help"]) for name, form in templates.items() if "help" in form}
    assert "31.3.2026 12:00" in told["return plan"]
    assert [name for name, text in told.items() if "epoch" in text] == []


def test_a_form_that_nobody_filled_in_is_refused_at_every_place(templates: dict[str, dict[str, Any]]) -> None:
    """The problems name each placeholder, beside what is missing."""
    forms = {name: form for name, form in templates.items() if name.startswith("consent")}
    assert sum(len([*placeholders(form)]) for form in forms.values()) >= 27
    for form in forms.values():
        with pytest.raises(CaseInvalidError) as refused:
            parse_consent(json.dumps(form).encode(), now_ms=NOW_MS)
        named = {problem.path for problem in refused.value.problems}
        assert set(placeholders({name: value for name, value in form.items() if name != "help"})) <= named
        assert "interpreter" in named
    with pytest.raises(CaseInvalidError):
        parse_case(json.dumps(templates["case"]).encode(), now_ms=NOW_MS, desk=AgeRules())


def test_one_place_that_was_forgotten_is_enough(templates: dict[str, dict[str, Any]]) -> None:
    """A form that is complete but for one answer is refused with that place alone."""
    for name, value in templates["consent child"].items():
        if name == "help" or not [*placeholders(value)]:
            continue
        with pytest.raises(CaseInvalidError) as refused:
            parse_consent(consent_file(**{name: value}), now_ms=NOW_MS)
        assert {problem.path.split(".")[0].split("[")[0] for problem in refused.value.problems} == {name}


@pytest.mark.parametrize(
    "text",
    [
        placeholder("anything"),
        "  <<Anything\n at all >> ",
        "Office 7, <<where the person can withdraw>>",
        "＜＜wide＞＞",
        "where the person can withdraw; no person's name",
        "Where the person can  withdraw; no person's name",
        "...",
        "…",
    ],
)
def test_a_placeholder_is_known_however_it_was_touched(text: str) -> None:
    """Also what earlier versions printed without a mark, and the dots of an example."""
    assert is_placeholder(text)
    with pytest.raises(CaseInvalidError) as refused:
        parse_consent(consent_file(withdrawal_contact=text), now_ms=NOW_MS)
    assert [problem.path for problem in refused.value.problems] == ["withdrawal_contact"]
    for changes in ({"needs_details": text}, {"person": {"prs_FirstName": text}}, {"safety_plan": text}):
        with pytest.raises(CaseInvalidError):
            parse_case(case_file(**changes), now_ms=NOW_MS, desk=AgeRules())


@pytest.mark.parametrize("text", ["x", "нет", "-", "no", "?!", "№ 7"])
def test_what_is_too_short_is_no_place_to_take_consent_back(text: str) -> None:
    """Nobody finds a place or a line by it."""
    with pytest.raises(CaseInvalidError) as refused:
        parse_consent(consent_file(withdrawal_contact=text), now_ms=NOW_MS)
    assert [problem.path for problem in refused.value.problems] == ["withdrawal_contact"]


@pytest.mark.parametrize("text", ["112", "+998 71 200 00 01", "Офис", "Any office", "ҳар қандай идора", "t.me/abc"])
def test_a_place_or_a_line_is_taken(text: str) -> None:
    """A number that can be dialled, however short, or a word."""
    assert parse_consent(consent_file(withdrawal_contact=text), now_ms=NOW_MS).withdrawal_contact == text


@pytest.mark.parametrize("text", ["Приют «Надежда»", "5 > 3 and 2 < 4", "a << b", "call before 10...", "<quiet>"])
def test_an_answer_is_none(text: str) -> None:
    """Quotation marks, comparisons and dots at the end are a person's own."""
    assert not is_placeholder(text)


def test_words_of_an_example_are_not_sent(own: Pair) -> None:
    """Answers, a wish and an emergency are read by the same rule."""
    case, number = sent(own.kz)
    own.exchange()
    for saying in SAYINGS + STEPS:
        shown = re.findall(r'"([^"]*)"', saying.example)
        assert all(is_placeholder(each.split("=")[-1]) for each in shown), saying.name
    question = {"asked_categories": ["HEALTH"], "question": placeholder("your question")}
    with own.kz.store.write() as tx, pytest.raises(CaseInvalidError):
        referral_steps.act(own.kz, tx, number, referral_steps.Answer(EventType.INFORMATION_REQUESTED, question))
    with own.kz.store.write() as tx, pytest.raises(CaseInvalidError) as refused:
        returns.begin(own.kz, tx, cases.get(tx, case), SHELTER, {"wishes": placeholder("wishes")})
    assert "wishes" in {problem.path for problem in refused.value.problems}
    decision = emergencies.Decision(
        SHELTER,
        Ground.MEDICAL_EMERGENCY,
        Protects.PERSON,
        Incapacity.UNCONSCIOUS,
        [DataCategory.HEALTH],
        24,
        placeholder("what is needed at once"),
    )
    with own.kz.store.write() as tx, pytest.raises(CaseInvalidError) as refused:
        emergencies.invoke(own.kz, tx, cases.get(tx, case), decision, (None, ()))  # type: ignore[arg-type]
    assert [problem.path for problem in refused.value.problems] == ["needed_now"]


def test_a_policy_with_a_templates_words_is_none() -> None:
    """What the anchors would sign is read the same way."""
    text = (ROOT / "keys" / "policies" / "kz.toml").read_text(encoding="utf-8")
    assert compile_policy(text)
    with pytest.raises(MalformedError):
        compile_policy(text.replace('source = "', f'source = "{placeholder("which law")}', 1))


UNUSABLE: dict[str, tuple[dict[str, Any], Code]] = {
    "language": ({"notice": {"notice_id": "referral-1", "language": "de"}}, Code.NOTICE_UNKNOWN),
    "notice": ({"notice": {"notice_id": "other", "language": "ru"}}, Code.NOTICE_UNKNOWN),
    "not all explained": ({"informed": ["PURPOSE"]}, Code.NOTICE_UNKNOWN),
    "too long": ({"valid_until": "2028-09-01"}, Code.LIFETIME_EXCEEDS_POLICY),
    "over": ({"valid_until": "2026-09-01", "said_at": "2026-08-01"}, Code.EXPIRED),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_what_sending_would_refuse_is_refused_while_the_person_is_here(pair: Pair, what: str) -> None:
    """Nothing is signed; the worker corrects the form with the person."""
    changes, code = UNUSABLE[what]
    case = new_case(pair.kz, case_file(about=f"Fictional: {what}"))
    with pytest.raises(ConsentError) as refused:
        take_consent(pair.kz, case, consent_file(**changes))
    assert code in refused.value.reasons


def test_a_yes_to_nothing_is_none(pair: Pair) -> None:
    """GIVEN needs something that is permitted; a REFUSED form needs nothing of the kind."""
    case = new_case(pair.kz, case_file(about="Fictional: nothing"))
    with pytest.raises(CaseInvalidError):
        take_consent(pair.kz, case, consent_file(permit=[]))
    take_consent(pair.kz, case, consent_file(state="REFUSED", permit=[], valid_until="2030-01-01", informed=[]))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"said_at": "2027-09-20T10:00:00+05:00"}, "said_at"),
        ({"said_at": "2027-09-20T10:00:00+05:00", "state": "REFUSED", "permit": []}, "said_at"),
        ({"said_at": "1970-01-01"}, "said_at"),
        ({"valid_until": "2026-09-20"}, "valid_until"),
        ({"valid_until": "2027-W01-1"}, "valid_until"),
        ({"valid_until": "0001-01-01"}, "valid_until"),
        ({"retain_until": "9999-12-31"}, "retain_until"),
        ({"retain_until": "2032-09-01"}, "retain_until"),
        ({"retain_until": "2026-09-01"}, "retain_until"),
        ({"majority_on": "0001-01-01"}, "majority_on"),
    ],
)
def test_a_date_that_is_a_slip_of_the_hand_is_refused_at_the_desk(changes: dict[str, Any], path: str) -> None:
    """Signed, it could not be corrected for as long as it is off; the place is named."""
    with pytest.raises(CaseInvalidError) as refused:
        parse_consent(consent_file(**changes), now_ms=NOW_MS)
    assert [problem.path for problem in refused.value.problems] == [path]


def test_a_day_is_that_of_the_country() -> None:
    """Until a day means until it begins there, five hours before it begins in Greenwich."""
    there = parse_consent(consent_file(), now_ms=NOW_MS, utc_offset_min=300).valid_until_ms
    assert parse_consent(consent_file(), now_ms=NOW_MS).valid_until_ms - there == 5 * 3_600_000


def test_an_answer_that_a_fast_clock_signed_can_be_corrected(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said a year ahead is not continued: a new consent begins, and is good today."""
    case = new_case(own.kz)
    with monkeypatch.context() as fast:
        fast.setattr(versions, "_require_usable", lambda *_args: None)
        form = parse_consent(
            consent_file(valid_until="2028-01-21", retain_until="2028-06-30"), now_ms=NOW_MS + 365 * 86_400_000
        )
        with own.kz.store.write() as tx:
            versions.grant(own.kz, cases.get(tx, case), tx, form.organisation, form)
    with pytest.raises(ConsentError) as refused:
        refer(own.kz, case)
    assert Code.NOT_YET_VALID in refused.value.reasons
    take_consent(own.kz, case, consent_file())
    assert refer(own.kz, case)
