"""What a file says of one person becomes a case file, with a report of all that was taken, lost and refused.

A value comes over as it is, or by a code that it certainly means; anything else stays, so that the judge of forms
refuses it with the nearest right one. What the judge refuses is left out; what is missing or contradicts is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from refbus.core.consent.age import AgeRules
from refbus.errors import Code
from refbus.said import said
from refbus.wire.fields import FieldSpec, Kind
from refbus_gateway.exchange import ages, identities
from refbus_gateway.exchange.facts import TWO_VALUES, Fact, Refused, added, as_content, document_of, with_answers
from refbus_gateway.exchange.records import Record
from refbus_gateway.exchange.spreadsheets import unguarded
from refbus_gateway.exchange.stated import ON
from refbus_gateway.exchange.tables import OWN, Format, Rule, spec_at
from refbus_gateway.forms.problems import Problem
from refbus_gateway.words.losses import Loss, Lost
from refbus_gateway.words.names import exact_code

Judge: TypeAlias = Callable[[bytes], tuple[Problem, ...]]
"""Says what is wrong with a case file, as if a person had brought it."""
_MIDNIGHT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]00:00(:00(\.0+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?")
"""A day, as systems write it that know only moments."""
_LEFT_OUT: Final = frozenset({Code.CASE_INVALID, Code.UNKNOWN_VALUE})
_TRUTHS: Final = {"true": True, "false": False}
_ENUMS: Final = frozenset({"priority", "purpose"})
_MOST_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Taken:
    """A fact that came over: from where in the file, to which field of the case."""

    source: str
    to: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A case file made of what another system says. `problems`: why it cannot be kept as it is; `content`: the file.

    `names`: what the case is kept under, then what it may have been kept under before: on another day, or by an earlier
    program. So nobody is kept twice, and nobody erased again.
    """

    place: str
    file_number: str | None
    taken: tuple[Taken, ...]
    lost: tuple[Lost, ...]
    refused: tuple[Refused, ...]
    problems: tuple[Problem, ...]
    content: bytes = field(repr=False)
    names: tuple[bytes, ...] = field(repr=False)


def draft(
    record: Record, one: Format, answers: Mapping[str, Any], judge: Judge, *, rules: AgeRules, at_ms: int
) -> Draft:
    """Return what a record becomes at a moment in ms UTC, by the rules of age of the country.

    `answers`: a case file with what the other system does not say.
    """
    facts, lost, refused = _sorted_out(record, one)
    unread = any(each.reason is Loss.AGE for each in lost)
    before = identities.before_age(facts)
    told = ages.take_age(facts, lost, refused, rules, at_ms)
    document, problems = _judged(facts, ages.standing(answers, told), refused, judge)
    lost = [*record.lost, *lost]
    if unread or ages.unclear(one, facts, lost, refused, told):
        document, problems = _judged(facts, ages.without_age(answers), refused, judge)
        problems = _with_doubt(problems)
    return Draft(
        record.place,
        document.get("file_number"),
        tuple(Taken(fact.source, fact.to) for fact in facts),
        tuple(dict.fromkeys(lost)),
        tuple(refused),
        problems,
        as_content(document),
        identities.names_of(document, record, told, answers, facts=facts, before=before),
    )


def _with_doubt(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Return what is wrong with somebody of whose age the file says what did not come over."""
    if Code.AGE_CONTRADICTS in {each.code for each in problems}:
        return problems
    advice = said("what the file says of the age did not come over: correct it there and import it again")
    return (*problems, Problem("person", Code.AGE_CONTRADICTS, advice))


def _sorted_out(record: Record, one: Format) -> tuple[list[Fact], list[Lost], list[Refused]]:
    """Return the facts of a record by their fields here, and what has none or two."""
    facts: list[Fact] = []
    lost: list[Lost] = []
    refused: list[Refused] = []
    marks = ages.marks_of(one)
    for place, value in record.cells:
        rule = one.rule(place)
        if rule is None or rule.lost is not None:
            lost.append(_lost(place, value, rule, marks))
            continue
        given = unguarded(value) if one.name == OWN and isinstance(value, str) else value
        for to in rule.to:
            spec = spec_at(to)
            for each in _pieces(spec, rule, given):
                many = to == ON or (spec is not None and spec.many)
                if not added(facts, Fact(place, to, each), rule, many=many):
                    refused.append(Refused(place, to, None, Code.CASE_INVALID, TWO_VALUES))
    return facts, lost, refused


def _lost(place: str, value: Any, rule: Rule | None, marks: ages.Marks) -> Lost:
    """Return why a value has no field here; one that says something of an age, in another shape, is told as that."""
    open_end = rule is not None and rule.name.endswith("*")
    if (rule is None or open_end) and marks.hold(place, value):
        return Lost(place, Loss.AGE)
    if rule is None or rule.lost is None:
        return Lost(place, Loss.NOT_KNOWN)
    return Lost(rule.name[:-1] if open_end else place, rule.lost)


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
    facts: list[Fact], answers: Mapping[str, Any], refused: list[Refused], judge: Judge
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Return the case file without what cannot stand in it, and what is then still wrong."""
    while True:
        document, places = document_of(facts)
        problems = judge(as_content(with_answers(document, answers)))
        wrong = [(places[each.path], each) for each in problems if each.path in places and each.code in _LEFT_OUT]
        if not wrong:
            return with_answers(document, answers), problems
        for fact, problem in wrong:
            refused.append(Refused(fact.source, problem.path, _shown(fact), problem.code, problem.advice))
        left_out = {id(fact) for fact, _ in wrong}
        facts[:] = [fact for fact in facts if id(fact) not in left_out]


def _shown(fact: Fact) -> str | None:
    """Return the word that is no code, so that it can be shown beside the nearest one; no other fact is shown."""
    spec = spec_at(fact.to)
    coded = spec.kind is Kind.CODED if spec is not None else fact.to in _ENUMS
    return str(fact.value)[:_MOST_SHOWN] if coded else None
