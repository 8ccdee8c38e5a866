"""What a file of another system says of an age, and which answers for all persons may stand beside it.

No answer makes an adult of whoever may be a child: it stands where the file says nothing of the age, and beside an age
that is certainly an adult's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from refbus.core.consent.age import AgeFacts, AgeGroup, AgeRules, StatedAge, age_of
from refbus.core.times import day_text, iso_day
from refbus.errors import Code
from refbus_gateway.exchange.facts import TWO_VALUES, Fact, Refused, added, note
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
from refbus_gateway.exchange.tables import Format, Rule
from refbus_gateway.words.losses import Loss, Lost

BORN: Final = "person.prs_Birthdate"
MINOR: Final = "person.is_minor"
FIELDS: Final = frozenset({LEAST, MOST, DAY, GUESSED})
_TO_AGE: Final = frozenset({BORN, MINOR, AGE, ESTIMATED}) | FIELDS
"""Fields that say whether somebody is a child. No answer stands for what a file says of that and cannot be taken."""
_DERIVED: Final = frozenset({Loss.AGE, Loss.AGE_DAY, Loss.AGE_ESTIMATED, Loss.OTHER_SYSTEM})
_EXTENSION: Final = re.compile(r"\[(urn:refbus:[^\]]*)\]\.value[A-Za-z]+")
_BETWEEN: Final = " / "


@dataclass(frozen=True, slots=True)
class Told:
    """What a file says of an age. `silent`: nothing; `adult`: certainly that of an adult, and nothing else.

    `child`: its birth date is certainly a child's. `stated`: what stood there of a stated age, as far as it can be
    read; `moved`: a birth date that is in the note alone; `on_import`: the day of import is in the fields.
    """

    silent: bool = False
    adult: bool = False
    child: bool = False
    stated: tuple[Fact, ...] = ()
    moved: Fact | None = None
    on_import: bool = False


def take_age(facts: list[Fact], lost: list[Lost], refused: list[Refused], rules: AgeRules, at_ms: int) -> Told:
    """Take what a file states of an age into the fields of a case.

    Beside a birth date that says the same it stays in the note. An estimated birth date that is not certainly a child's
    is an estimated age.
    """
    said_of = [fact for fact in facts if fact.to in STATED]
    facts[:] = [fact for fact in facts if fact.to not in STATED]
    born = next((fact for fact in facts if fact.to == BORN), None)
    by_to = {name: [fact for fact in said_of if fact.to == name] for name in STATED}
    guessed = any(str(fact.value).casefold() != "false" for fact in by_to[ESTIMATED])
    if not by_to[AGE] and not guessed:
        lost.extend(Lost(fact.source, Loss.OTHER_SYSTEM) for fact in said_of)
        return _in_fields(facts, born, rules, at_ms)
    span = _stated_span(by_to, lost, rules, at_ms)
    stated = tuple(fact for fact in said_of if fact.to != AGE or span is not None)
    moved = born if born is not None and guessed and _by_birth(born, rules, at_ms) is not AgeGroup.CHILD else None
    if moved is not None:
        facts.remove(moved)
        note(facts, [moved])
        lost.append(Lost(moved.source, Loss.AGE_ESTIMATED))
        span = span or age_of_birth(str(moved.value), rules, at_ms)
        by_to[AGE] = by_to[AGE] or [moved]
        born = None
    by_age = AgeGroup.UNKNOWN if span is None else _by_age(span, rules, at_ms)
    by_birth = None if born is None else _by_birth(born, rules, at_ms)
    made = span if by_age is not by_birth else None
    if made is not None:
        _take_span(made, by_to, facts, refused, guessed=guessed)
    else:
        note(facts, stated)
    adult = not guessed and by_age is AgeGroup.ADULT and by_birth in {None, AgeGroup.ADULT}
    on_import = made is not None and made.on.isoformat() == day_text(at_ms, rules.utc_offset_min)
    return Told(False, adult, by_birth is AgeGroup.CHILD, stated, moved, on_import)


def _in_fields(facts: list[Fact], born: Fact | None, rules: AgeRules, at_ms: int) -> Told:
    """Return what a file says of an age in fields of a case, or by a birth date alone."""
    own = {fact.to: fact.value for fact in facts if fact.to in FIELDS}
    if born is None:
        return Told(silent=not own)
    by_birth, by_age = _by_birth(born, rules, at_ms), _by_fields(own, rules, at_ms)
    return Told(adult={by_birth, by_age} <= {AgeGroup.ADULT, None}, child=by_birth is AgeGroup.CHILD)


def _by_fields(own: Mapping[str, Any], rules: AgeRules, at_ms: int) -> AgeGroup | None:
    """Return what the fields of a stated age certainly say, were it no estimate; None where there are none."""
    ages = [own[name] for name in (LEAST, MOST) if name in own]
    if not ages:
        return None
    if not all(isinstance(each, int) for each in ages):
        return AgeGroup.UNKNOWN
    return _group(own.get(LEAST, 0), ages[-1], iso_day(str(own[DAY])) if DAY in own else None, rules, at_ms)


def _stated_span(by_to: Mapping[str, list[Fact]], lost: list[Lost], rules: AgeRules, at_ms: int) -> Span | None:
    """Return the age that a file states; what cannot be read, and an age without a day, is told."""
    if not by_to[AGE]:
        return None
    age = by_to[AGE][0]
    span = age_in(str(age.value), [str(fact.value) for fact in by_to[ON]], rules, at_ms)
    if span is None or not span.dated:
        lost.append(Lost(age.source, Loss.AGE if span is None else Loss.AGE_DAY))
    return span


def _take_span(
    span: Span, by_to: Mapping[str, list[Fact]], facts: list[Fact], refused: list[Refused], *, guessed: bool
) -> None:
    """Add the fields of a case that say a stated age; one that says something else already is refused."""
    taken = [
        (fact, added(facts, fact, Rule(fact.source), many=False))
        for fact in _stated_facts(span, by_to, guessed=guessed)
    ]
    refused.extend(
        Refused(fact.source, fact.to, None, Code.CASE_INVALID, TWO_VALUES) for fact, fits in taken if not fits
    )


def _stated_facts(span: Span, by_to: Mapping[str, list[Fact]], *, guessed: bool) -> Iterator[Fact]:
    source = by_to[AGE][0].source
    yield Fact(source, LEAST, span.least)
    if span.most != span.least:
        yield Fact(source, MOST, span.most)
    days = ", ".join(fact.source for fact in by_to[ON]) if span.dated else ""
    yield Fact(days or source, DAY, span.on.isoformat())
    if by_to[ESTIMATED]:
        yield Fact(by_to[ESTIMATED][0].source, GUESSED, guessed)


def _by_birth(born: Fact, rules: AgeRules, at_ms: int) -> AgeGroup:
    return age_of(AgeFacts(iso_day(str(born.value))), rules, at_ms).group


def _by_age(span: Span, rules: AgeRules, at_ms: int) -> AgeGroup:
    """Return what an age certainly says, were it no estimate."""
    return _group(span.least, span.most, span.on.isoformat(), rules, at_ms)


def _group(least: int, most: int, on: str | None, rules: AgeRules, at_ms: int) -> AgeGroup:
    return age_of(AgeFacts(stated=StatedAge(least, most, on, firm=True)), rules, at_ms).group


def standing(answers: Mapping[str, Any], told: Told) -> dict[str, Any]:
    """Return the answers for all that may stand beside what a file says of the age.

    An age, its day, whether it is an estimate, and a birth date are never those of all where one is in the file.
    """
    if told.silent:
        return dict(answers)
    return _without(answers, FIELDS | {BORN}) if told.adult else without_age(answers)


def without_age(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return answers for all that say nothing of an age."""
    kept = {name: value for name, value in answers.items() if name not in {"adult_judgement", "is_minor"}}
    return _without(kept, _TO_AGE)


def _without(answers: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    kept, names = dict(answers), {path.removeprefix("person.") for path in paths}
    person = kept.get("person")
    if isinstance(person, dict):
        kept["person"] = {name: value for name, value in person.items() if name not in names}
    return kept


def unclear(one: Format, facts: Iterable[Fact], lost: Iterable[Lost], refused: Iterable[Refused], told: Told) -> bool:
    """Whether a file says of the age what did not come over: with an answer for all, a child would be an adult."""
    gone = [each.source for each in lost if each.reason not in _DERIVED]
    rules = [one.rule(part) for source in gone for part in (source, *source.split(_BETWEEN))]
    left = {to for rule in rules if rule is not None for to in rule.to} | {each.to for each in refused}
    filled = {fact.to for fact in facts}
    unread = not told.child and any(each.reason is Loss.AGE for each in lost)
    unborn = BORN not in filled and any(marks_of(one).hold(source, "") for source in gone)
    alone = not filled.isdisjoint(FIELDS) and filled.isdisjoint({LEAST, MOST})
    return unread or unborn or alone or not _TO_AGE.isdisjoint(left)


@dataclass(frozen=True, slots=True)
class Marks:
    """By what a place is recognised that says something of an age: how it begins, or a name in it, in small letters."""

    begins: tuple[str, ...]
    names: tuple[str, ...]

    def hold(self, place: str, value: Any) -> bool:
        """Whether a place that no rule takes is below a field of the age, or has its name."""
        plain, text = place.casefold(), str(value).casefold()
        return plain.startswith(self.begins) or any(f"[{name}" in plain or text.startswith(name) for name in self.names)


def marks_of(one: Format) -> Marks:
    """Return the marks of a format: an age may stand there in another shape than the one that is read."""
    rules = [rule for rule in one.rules.values() if not _TO_AGE.isdisjoint(rule.to)]
    fields = [name for rule in rules for name in (rule.name.removesuffix("*"), *rule.also)]
    beside = [f"{above}{dot}_{name}" for above, dot, name in (each.rpartition(".") for each in fields)]
    begins = tuple(f"{name}{sign}".casefold() for name in (*fields, *beside) for sign in (".", "["))
    return Marks(begins, tuple(found[1].casefold() for name in fields if (found := _EXTENSION.search(name))))
