"""What a file says of one person becomes a case file, with a report of all that was taken, lost and refused.

A value comes over as it is, or by a code that it certainly means; anything else stays, so that the judge of forms
refuses it with the nearest right one. What the judge refuses is left out; what is missing or contradicts is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from refbus.core.consent.age import AgeFacts, AgeGroup, AgeRules, StatedAge, age_of
from refbus.core.times import iso_day
from refbus.errors import Code
from refbus.said import said
from refbus.wire.fields import FieldSpec, Kind
from refbus_gateway.exchange.records import Record
from refbus_gateway.exchange.spreadsheets import unguarded
from refbus_gateway.exchange.stated import (
    AGE,
    DAY,
    ESTIMATED,
    GUESSED,
    LEAST,
    MOST,
    ON,
    STATED,
    Span,
    age_in,
    age_of_birth,
)
from refbus_gateway.exchange.tables import OWN, Format, Rule, spec_at
from refbus_gateway.forms.case_routing import FORMAT
from refbus_gateway.forms.problems import Problem
from refbus_gateway.words.losses import Loss, Lost
from refbus_gateway.words.names import exact_code

Judge: TypeAlias = Callable[[bytes], tuple[Problem, ...]]
"""Says what is wrong with a case file, as if a person had brought it."""
_MIDNIGHT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]00:00(:00(\.0+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?")
"""A day, as systems write it that know only moments."""
_LEFT_OUT: Final = frozenset({Code.CASE_INVALID, Code.UNKNOWN_VALUE})
_TRUTHS: Final = {"true": True, "false": False}
_OF_AGE: Final = frozenset({Loss.AGE, Loss.AGE_DAY, Loss.AGE_ESTIMATED})
_ABOUT: Final = "about"
_ENUMS: Final = frozenset({"priority", "purpose"})
_TWO_VALUES: Final = said("two values for one field: write the one that is true")
_NOTE: Final = Rule(_ABOUT, (_ABOUT,), join="; ")
_MOST_SHOWN: Final = 60
_BORN: Final = "person.prs_Birthdate"
_MINOR: Final = "person.is_minor"
_FIELDS: Final = frozenset({LEAST, MOST, DAY, GUESSED})
_AGE: Final = frozenset({_BORN, _MINOR, AGE}) | _FIELDS
"""Fields that say whether somebody is a child. No answer stands for what a file says of that and cannot be taken."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A fact that came over: from where in the file, to which field of the case."""

    source: str
    to: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A fact that has a field here and cannot stand in it. `value`: the word that is no code; None for other facts."""

    source: str
    to: str
    value: str | None
    code: Code
    advice: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A case file made of what another system says. `problems`: why it cannot be kept as it is; `content`: the file.

    `identity`: of the same facts the same bytes on every day, so that nobody is kept twice, and nobody erased again.
    """

    place: str
    file_number: str | None
    taken: tuple[Taken, ...]
    lost: tuple[Lost, ...]
    refused: tuple[Refused, ...]
    problems: tuple[Problem, ...]
    content: bytes = field(repr=False)
    identity: bytes = field(repr=False)


@dataclass(slots=True)
class _Fact:
    """A value on its way, and where it came from."""

    source: str
    to: str
    value: Any


def draft(
    record: Record, one: Format, answers: Mapping[str, Any], judge: Judge, *, rules: AgeRules, at_ms: int
) -> Draft:
    """Return what a record becomes at a moment in ms UTC, by the rules of age of the country.

    `answers`: a case file with what the other system does not say.
    """
    facts, lost, refused = _sorted_out(record, one)
    if not _take_age(facts, lost, refused, rules, at_ms):
        answers = _without_age(answers)
    document, problems = _judged(facts, answers, refused, judge)
    lost = [*record.lost, *lost]
    if _age_unclear(one, facts, lost, refused) and Code.AGE_CONTRADICTS not in {each.code for each in problems}:
        advice = said("what the file says of the age did not come over: correct it there and import it again")
        problems = (*problems, Problem("person", Code.AGE_CONTRADICTS, advice))
    return Draft(
        record.place,
        document.get("file_number"),
        tuple(Taken(fact.source, fact.to) for fact in facts),
        tuple(dict.fromkeys(lost)),
        tuple(refused),
        problems,
        as_content(document),
        _identity(document, record, lost),
    )


def _age_unclear(one: Format, facts: Iterable[_Fact], lost: Iterable[Lost], refused: Iterable[Refused]) -> bool:
    """Whether a file says of the age what did not come over: with an answer for all, a child would be an adult."""
    gone = [each for each in lost if each.reason not in _OF_AGE]
    left = {to for each in gone if (rule := one.rule(each.source)) is not None for to in rule.to}
    dated = any(fact.to == _BORN for fact in facts)
    aged = any(each.reason is Loss.AGE for each in lost) and not dated
    return aged or not _AGE.isdisjoint(left | {each.to for each in refused})


def _take_age(facts: list[_Fact], lost: list[Lost], refused: list[Refused], rules: AgeRules, at_ms: int) -> bool:
    """Take what a file states of an age into the fields of a case; whether answers for all may stand beside it.

    Beside a birth date the age stays in the note, unless the two contradict each other. An estimated birth date that is
    not certainly a child's is an estimated age.
    """
    said_of = [fact for fact in facts if fact.to in STATED]
    facts[:] = [fact for fact in facts if fact.to not in STATED]
    born = next((fact for fact in facts if fact.to == _BORN), None)
    by_to = {name: [fact for fact in said_of if fact.to == name] for name in STATED}
    guessed = any(str(fact.value).casefold() != "false" for fact in by_to[ESTIMATED])
    if not by_to[AGE] and not guessed:
        lost.extend(Lost(fact.source, Loss.OTHER_SYSTEM) for fact in said_of)
        return born is not None or _FIELDS.isdisjoint(fact.to for fact in facts)
    span = _stated_span(by_to, lost, rules, at_ms)
    if born is not None and guessed and _by_birth(born, rules, at_ms) is not AgeGroup.CHILD:
        facts.remove(born)
        _note(facts, [born])
        lost.append(Lost(born.source, Loss.AGE_ESTIMATED))
        span = span or age_of_birth(str(born.value), rules, at_ms)
        by_to[AGE] = by_to[AGE] or [born]
        born = None
    by_age = AgeGroup.UNKNOWN if span is None else _by_age(span, rules, at_ms)
    other_age = born is not None and {by_age, _by_birth(born, rules, at_ms)} == {AgeGroup.CHILD, AgeGroup.ADULT}
    if span is not None and (born is None or other_age):
        made = _stated_facts(span, by_to, guessed=guessed)
        taken = [(fact, _added(facts, fact, Rule(fact.source), many=False)) for fact in made]
        refused.extend(
            Refused(fact.source, fact.to, None, Code.CASE_INVALID, _TWO_VALUES) for fact, fits in taken if not fits
        )
    else:
        _note(facts, [fact for fact in said_of if fact.to != AGE or span is not None])
    return not guessed and not other_age and (born is not None or by_age is AgeGroup.ADULT)


def _stated_span(by_to: Mapping[str, list[_Fact]], lost: list[Lost], rules: AgeRules, at_ms: int) -> Span | None:
    """Return the age that a file states; what cannot be read, and an age without a day, is told."""
    if not by_to[AGE]:
        return None
    age = by_to[AGE][0]
    span = age_in(str(age.value), [str(fact.value) for fact in by_to[ON]], rules, at_ms)
    if span is None or not span.dated:
        lost.append(Lost(age.source, Loss.AGE if span is None else Loss.AGE_DAY))
    return span


def _stated_facts(span: Span, by_to: Mapping[str, list[_Fact]], *, guessed: bool) -> Iterator[_Fact]:
    """Return the fields of a case that say a stated age."""
    source = by_to[AGE][0].source
    yield _Fact(source, LEAST, span.least)
    if span.most != span.least:
        yield _Fact(source, MOST, span.most)
    days = ", ".join(fact.source for fact in by_to[ON]) if span.dated else ""
    yield _Fact(days or source, DAY, span.on.isoformat())
    if by_to[ESTIMATED]:
        yield _Fact(by_to[ESTIMATED][0].source, GUESSED, guessed)


def _by_birth(born: _Fact, rules: AgeRules, at_ms: int) -> AgeGroup:
    return age_of(AgeFacts(iso_day(str(born.value))), rules, at_ms).group


def _by_age(span: Span, rules: AgeRules, at_ms: int) -> AgeGroup:
    """Return what an age certainly says, were it no estimate."""
    stated = StatedAge(span.least, span.most, span.on.isoformat(), firm=True)
    return age_of(AgeFacts(stated=stated), rules, at_ms).group


def _note(facts: list[_Fact], said_of: Iterable[_Fact]) -> None:
    """Add what a file states of an age to the worker's own note, as it says it."""
    for fact in said_of:
        _added(facts, _Fact(fact.source, _ABOUT, f"{fact.source} = {fact.value}"), _NOTE, many=False)


def _without_age(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return answers for all that say of nobody that it is an adult."""
    kept = {name: value for name, value in answers.items() if name != "adult_judgement"}
    person = kept.get("person")
    if isinstance(person, dict):
        said = {path.removeprefix("person.") for path in _AGE}
        kept["person"] = {name: value for name, value in person.items() if name not in said}
    return kept


def _identity(document: Mapping[str, Any], record: Record, lost: Iterable[Lost]) -> bytes:
    """Return what names a case: its file, and where that has the day of import in it, what the other file says."""
    if {Loss.AGE_DAY, Loss.AGE_ESTIMATED}.isdisjoint(each.reason for each in lost):
        return as_content(document)
    person = {name: value for name, value in document.get("person", {}).items() if f"person.{name}" not in _FIELDS}
    return as_content({**document, "person": person, "said": [[place, str(value)] for place, value in record.cells]})


def as_content(document: Mapping[str, Any]) -> bytes:
    """Return a case file as bytes: of the same facts the same bytes."""
    return (json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def _sorted_out(record: Record, one: Format) -> tuple[list[_Fact], list[Lost], list[Refused]]:
    """Return the facts of a record by their fields here, and what has none or two."""
    facts: list[_Fact] = []
    lost: list[Lost] = []
    refused: list[Refused] = []
    for place, value in record.cells:
        rule = one.rule(place)
        if rule is None or rule.lost is not None:
            known = rule is not None and rule.name.endswith("*")
            lost.append(
                Lost(rule.name[:-1] if rule and known else place, rule.lost if rule and rule.lost else Loss.NOT_KNOWN)
            )
            continue
        given = unguarded(value) if one.name == OWN and isinstance(value, str) else value
        for to in rule.to:
            spec = spec_at(to)
            for each in _pieces(spec, rule, given):
                many = to == ON or (spec is not None and spec.many)
                if not _added(facts, _Fact(place, to, each), rule, many=many):
                    refused.append(Refused(place, to, None, Code.CASE_INVALID, _TWO_VALUES))
    return facts, lost, refused


def _added(facts: list[_Fact], fact: _Fact, rule: Rule, *, many: bool) -> bool:
    """Add a fact where there is room for it; whether it could be, or was there."""
    held = [each for each in facts if each.to == fact.to]
    if any(each.value == fact.value for each in held):
        return True
    if held and rule.join and not many:
        held[0].value = f"{held[0].value}{rule.join}{fact.value}"
        held[0].source = f"{held[0].source}, {fact.source}"
    elif held and not many:
        return False
    else:
        facts.append(fact)
    return True


def _pieces(spec: FieldSpec | None, rule: Rule, value: Any) -> Iterator[Any]:
    """Return the values in a value; a field of several may have them in one, with a sign between them."""
    whole = _meant(spec, rule, value)
    if not rule.split or not isinstance(value, str) or whole is not value:
        if whole is not None:
            yield whole
        return
    parts = value.split(rule.split) if rule.split.strip() else value.split()
    begin = 0
    while begin < len(parts):  # a label may have the sign in itself: the longest that is a code goes before
        ends = range(len(parts), begin, -1)
        texts = [(end, rule.split.join(parts[begin:end]).strip()) for end in ends]
        known = [(end, text) for end, text in texts if _meant(spec, rule, text) != text or _is_code(spec, text)]
        end, text = known[0] if known else texts[-1]
        begin = end
        if text and (meant := _meant(spec, rule, text)) is not None:
            yield meant


def _is_code(spec: FieldSpec | None, text: str) -> bool:
    return spec is not None and spec.kind is Kind.CODED and exact_code(spec.code_list, text) == text


def _meant(spec: FieldSpec | None, rule: Rule, value: Any) -> Any:
    """Return what a value certainly means in a field, None for nothing stated; one that is not certain stays."""
    word = str(value).lower() if isinstance(value, bool) else str(value).strip()
    named = {text.casefold(): code for text, code in rule.codes.items()}
    if word.casefold() in named:
        return named[word.casefold()]
    match spec.kind if spec is not None else Kind.TEXT:
        case Kind.CODED if spec is not None:
            return exact_code(spec.code_list, word) or value
        case Kind.FLAG:
            return _TRUTHS.get(word.casefold(), value)
        case Kind.NUMBER:
            return int(word) if word.isascii() and word.isdigit() and len(word) <= len("2026") else value
        case _:
            day = _MIDNIGHT.fullmatch(word)
            return day[1] if day is not None and spec is not None and "format" in spec.attributes else str(value)


def _judged(
    facts: list[_Fact], answers: Mapping[str, Any], refused: list[Refused], judge: Judge
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Return the case file without what cannot stand in it, and what is then still wrong."""
    while True:
        document, places = _document(facts)
        problems = judge(as_content(_with(document, answers)))
        wrong = [(places[each.path], each) for each in problems if each.path in places and each.code in _LEFT_OUT]
        if not wrong:
            return _with(document, answers), problems
        for fact, problem in wrong:
            refused.append(Refused(fact.source, problem.path, _shown(fact), problem.code, problem.advice))
        left_out = {id(fact) for fact, _ in wrong}
        facts[:] = [fact for fact in facts if id(fact) not in left_out]


def _shown(fact: _Fact) -> str | None:
    """Return the word that is no code, so that it can be shown beside the nearest one; no other fact is shown."""
    spec = spec_at(fact.to)
    coded = spec.kind is Kind.CODED if spec is not None else fact.to in _ENUMS
    return str(fact.value)[:_MOST_SHOWN] if coded else None


def _document(facts: Iterable[_Fact]) -> tuple[dict[str, Any], dict[str, _Fact]]:
    """Return the case file of these facts, and each of them by its path as problems name it."""
    document: dict[str, Any] = {"format": FORMAT}
    places: dict[str, _Fact] = {}
    for fact in facts:
        *groups, name = fact.to.split(".")
        held: dict[str, Any] = document
        for group in groups:
            held = held.setdefault(group, {})
        spec = spec_at(fact.to)
        if spec is not None and spec.many:
            held.setdefault(name, []).append(fact.value)
            places[f"{fact.to}[{len(held[name]) - 1}]"] = fact
        else:
            held[name] = fact.value
            places[fact.to] = fact
    return document, places


def _with(document: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return a case file with the answers to what it does not say; what it says stands."""
    merged = dict(document)
    for name, answer in answers.items():
        held = merged.get(name)
        if held is None:
            merged[name] = answer
        elif isinstance(held, dict) and isinstance(answer, dict):
            merged[name] = _with(held, answer)
    return merged
