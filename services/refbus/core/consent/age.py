"""Whether a person is a child: one fact, derived from what a case says, by the rules and the day of a country.

Whoever may be a child is treated as one until a worker documents why not: the benefit of the doubt (Committee on the
Rights of the Child, General Comment 6, paragraph 31; domain.md 2.3). The consent record carries the fact to the
gates as `majority_at_ms`: it is null exactly for a person who was an adult when asked. A birth date, full or partial,
counts before a stated age, and a stated age before the mere word that somebody is a child or none. Where a partial
birth date leaves it open, both count: what any of them says of a child is never passed over.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from refbus.core.consent.record import Assent, ConsentRecord
from refbus.core.consent.rules import below_assent_age, minor_until
from refbus.core.directory import CountryPolicy
from refbus.core.times import day_ms, day_text, read_day
from refbus.errors import Code
from refbus.said import Said, said

FIRST_YEAR: Final = 1900
"""Nobody who needs help was born earlier; an earlier year is a slip of the hand, or another calendar."""


class AgeGroup(StrEnum):
    """Which rules hold for the person. UNKNOWN is treated as CHILD."""

    CHILD = "CHILD"
    ADULT = "ADULT"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class AgeRules:
    """From which age a country counts a person as an adult, and how far its day is ahead of UTC, in minutes.

    `assent_age`: from which a child is asked as well; 0: every child.
    """

    majority_age: int = 18
    utc_offset_min: int = 0
    assent_age: int = 0


@dataclass(frozen=True, slots=True)
class StatedAge:
    """An age in full years, from `least` to `most`, on the day `on` (YYYY-MM-DD), where no birth date is known.

    `on` None: nobody wrote the day, so the age is as of the moment at which it is read, and never grows. `firm`:
    somebody said that it is no estimate. An estimate makes nobody an adult.
    """

    least: int
    most: int
    on: str | None = None
    firm: bool = False


@dataclass(frozen=True, slots=True)
class AgeFacts:
    """What was said about the age. `birthdate`: YYYY, YYYY-MM or YYYY-MM-DD. `is_minor`: each answer that was given.

    `judged_adult`: a worker documented, with a reason, that a person of unknown age is an adult.
    """

    birthdate: str | None = None
    is_minor: tuple[bool, ...] = ()
    judged_adult: bool = False
    stated: StatedAge | None = None

    def __bool__(self) -> bool:
        """Whether anything was said."""
        return bool(self.birthdate or self.is_minor or self.judged_adult or self.stated)


class Clash(Said):
    """Facts that do not go together, in words; `fields` are where a case file has them."""

    fields: tuple[str, ...]

    @classmethod
    def of(cls, told: Said, *fields: str) -> Clash:
        """Return the clash that `told` says."""
        made = cls(told.message, told.context, **told.values)
        made.fields = fields
        return made


_BIRTH: Final = "person.prs_Birthdate"
_STATED: Final = "person.stated_age"
_MINOR: Final = "person.is_minor"
_JUDGED: Final = "adult_judgement.reason"


@dataclass(frozen=True, slots=True)
class Age:
    """The derived fact at one moment. `contradictions` name the facts that do not go together, never their values.

    By the birth date, or the stated age, the person comes of age between `majority_from_ms` and `majority_ms` (UTC;
    equal for a full date); both are None where neither is known, and where an estimate says no more. `estimated`: the
    two follow from an estimate, so the true day may be another. `said_adult`: all that stands is the word that the
    person is no minor, without a reason: the age is UNKNOWN.
    """

    group: AgeGroup
    contradictions: tuple[Clash, ...] = ()
    majority_from_ms: int | None = None
    majority_ms: int | None = None
    said_adult: bool = False
    estimated: bool = False

    @property
    def child(self) -> bool:
        """Whether the person is treated as a child."""
        return self.group is not AgeGroup.ADULT


def rules_of(policy: CountryPolicy | None) -> AgeRules:
    """Return the rules of a country; without its policy 18 years and days in UTC."""
    return AgeRules(policy.majority_age, policy.utc_offset_min, policy.assent_age) if policy else AgeRules()


def age_of(facts: AgeFacts, rules: AgeRules, at_ms: int) -> Age:
    """Derive the age group at `at_ms` (UTC). A birth date counts before any statement; a doubt counts as a child."""
    stated = _stated_span(facts, rules, at_ms)
    if facts.birthdate is None and facts.stated is not None and stated is not None:
        return _by_stated_age(facts, facts.stated, _majorities(stated, rules), at_ms)
    born = None if facts.birthdate is None else birth_span(facts.birthdate)
    if born is None:
        wrong = () if facts.birthdate is None else (Clash.of(said("the birth date is none"), _BIRTH),)
        group = _stated(facts)
        mere_word = facts.birthdate is None and group is AgeGroup.UNKNOWN and False in facts.is_minor
        return Age(group, (*wrong, *_clashes(None, facts)), said_adult=mere_word)
    age = _by_birth(facts, born, stated, rules, at_ms)
    if not impossible(facts.birthdate, rules, at_ms):
        return age
    wrong = (Clash.of(said("the birth date is before 1900 or in the future"), _BIRTH),)
    return dataclasses.replace(age, contradictions=(*wrong, *age.contradictions))


def _by_birth(
    facts: AgeFacts, born: tuple[date, date], stated: tuple[date, date] | None, rules: AgeRules, at_ms: int
) -> Age:
    """Derive the age group from a birth date; where it leaves the group open, a stated age decides it beside it.

    An age that is no estimate narrows the days of birth to those of both; an estimate moves no day of majority.
    """
    majorities = _majorities(born, rules)
    by_birth = _group_at(*majorities, at_ms)
    if stated is None or facts.stated is None:
        return Age(by_birth or _stated(facts), tuple(_clashes(by_birth, facts)), *majorities)
    by_age = _group_at(*_majorities(stated, rules), at_ms)
    apart = stated[1] < born[0] or born[1] < stated[0]
    wrong: tuple[Clash, ...] = ()
    if apart and (facts.stated.firm or by_birth is not by_age):
        wrong = (Clash.of(said("the birth date and the stated age do not go together"), _BIRTH, _STATED),)
    if by_birth is not None:
        return Age(by_birth, (*_clashes(by_birth, facts), *wrong), *majorities)
    clashes = (*_stated_clashes(by_age, facts, facts.stated), *wrong)
    if apart:
        child = AgeGroup.CHILD in {by_age, _stated(facts)}
        return Age(AgeGroup.CHILD if child else AgeGroup.UNKNOWN, clashes, *majorities)
    if facts.stated.firm:
        majorities = _majorities((max(born[0], stated[0]), min(born[1], stated[1])), rules)
    return Age(_with_statements(by_age, facts, facts.stated) or _stated(facts), clashes, *majorities)


def _by_stated_age(facts: AgeFacts, stated: StatedAge, majorities: tuple[int, int], at_ms: int) -> Age:
    """Derive the age group from a stated age. That of an adult counts if it is no estimate and nobody says child."""
    by_age = _group_at(*majorities, at_ms)
    clashes = tuple(_stated_clashes(by_age, facts, stated))
    group = _with_statements(by_age, facts, stated)
    if by_age is not group:
        return Age(_stated(facts), clashes, estimated=True)
    return Age(group or _stated(facts), clashes, *majorities, estimated=not stated.firm)


def _with_statements(by_age: AgeGroup | None, facts: AgeFacts, stated: StatedAge) -> AgeGroup | None:
    """Return what a stated age decides: an adult only if it is no estimate and nobody says child."""
    if by_age is AgeGroup.ADULT and (not stated.firm or True in facts.is_minor):
        return None
    return by_age


def _majorities(born: tuple[date, date], rules: AgeRules) -> tuple[int, int]:
    """Return the first and the last moment, in ms UTC, at which a person born on one of these days comes of age."""
    first, last = (day_ms(_majority(day, rules), rules.utc_offset_min) for day in born)
    return first, last


def _group_at(from_ms: int, until_ms: int, at_ms: int) -> AgeGroup | None:
    """Return what a person who comes of age between two moments is at a third; None where it may be either."""
    return AgeGroup.CHILD if at_ms < from_ms else AgeGroup.ADULT if at_ms >= until_ms else None


def born_between(facts: AgeFacts, rules: AgeRules, at_ms: int) -> tuple[date, date] | None:
    """Return the first and the last day of birth, by the birth date, else by the stated age; None without either."""
    if facts.birthdate is not None:
        return birth_span(facts.birthdate)
    return _stated_span(facts, rules, at_ms)


def _stated_span(facts: AgeFacts, rules: AgeRules, at_ms: int) -> tuple[date, date] | None:
    return None if facts.stated is None else age_span(facts.stated, rules, at_ms)


def age_span(stated: StatedAge, rules: AgeRules, at_ms: int) -> tuple[date, date] | None:
    """Return the first and the last day of birth by a stated age; without its day as of `at_ms` (UTC)."""
    on = read_day(day_text(at_ms, rules.utc_offset_min) if stated.on is None else stated.on)
    if on is None:
        return None
    least, most = sorted((stated.least, stated.most))
    before = _years_before(on, most + 1)
    return (before + timedelta(days=1) if before > date.min else before), _years_before(on, least)


def _years_before(day: date, years: int) -> date:
    """Return the latest day of birth of whoever is so many full years old on a day."""
    if day.year <= years:
        return date.min
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # on 29 February, whoever was born on 28 February has had the birthday; 1 March is to come
        return date(day.year - years, 2, 28)


def impossible(birthdate: str | None, rules: AgeRules, at_ms: int) -> bool:
    """Return whether nobody alive at `at_ms` can have been born then: before 1900, or in the future."""
    born = None if birthdate is None else birth_span(birthdate)
    return born is not None and (born[0].year < FIRST_YEAR or day_ms(born[0], rules.utc_offset_min) > at_ms)


def record_problems(facts: AgeFacts, record: ConsentRecord, rules: AgeRules, at_ms: int) -> Iterator[Code]:
    """Find what stands against a consent record beside what was said of the age at `at_ms` (UTC).

    An adult's own word about a child, and a guardian's about an adult, are AGE_CONTRADICTS; an adult's own word about a
    person whose age nobody knows is AGE_UNKNOWN. A record that was said later than the facts knows more than they did:
    then only birth date and stated age still count, as of that later moment. The mere word that the person is no minor
    counts as an adult's here: the record may be from before a reason was asked, or its receiver may not be given the
    birth date.
    """
    later = record.event_time_ms > at_ms
    if later:
        facts, at_ms = AgeFacts(facts.birthdate, stated=facts.stated), record.event_time_ms
    age = age_of(facts, rules, at_ms)
    of_age_ms = minor_until(record)
    as_child = of_age_ms is not None and at_ms < of_age_ms
    if age.group is AgeGroup.UNKNOWN and not age.said_adult:
        if not as_child and not later:
            yield Code.AGE_UNKNOWN
    elif as_child is not (age.child and not age.said_adult):
        yield Code.AGE_CONTRADICTS


def left_unasked(facts: AgeFacts, record: ConsentRecord, rules: AgeRules) -> bool:
    """Return whether a child's own yes was left out who may have been old enough when the consent was given.

    A gate judges by the latest majority, which makes a band of ages its youngest end; here the earliest counts, so the
    question may be left out only where even the oldest age that can be is below the assent age. Of whom nobody knows
    any age the child is asked.
    """
    if record.assent is not Assent.NOT_REQUIRED or minor_until(record) is None:
        return False
    age = age_of(facts, rules, record.event_time_ms)
    if not age.child:
        return False
    from_ms, years_left = age.majority_from_ms, rules.majority_age - rules.assent_age
    return from_ms is None or not below_assent_age(from_ms, record.event_time_ms, years_left)


def birth_span(birthdate: str) -> tuple[date, date] | None:
    """Return the first and the last day on which a person with this full or partial birth date can have been born."""
    try:
        year, *rest = (int(part) for part in birthdate.split("-"))
        if len(rest) == 2:
            day = date(year, rest[0], rest[1])
            return day, day
        if rest:
            return date(year, rest[0], 1), _after_month(year, rest[0]) - timedelta(days=1)
        return date(year, 1, 1), date(year, 12, 31)
    except (ValueError, OverflowError):
        return None


def _after_month(year: int, month: int) -> date:
    return date(year + 1, 1, 1) if month == 12 else date(year, month + 1, 1)


def _majority(born: date, rules: AgeRules) -> date:
    """Return the birthday on which a person comes of age; one born on 29 February waits for 1 March."""
    try:
        return born.replace(year=born.year + rules.majority_age)
    except ValueError:
        return date(min(born.year + rules.majority_age, 9999), 3, 1)


def _stated(facts: AgeFacts) -> AgeGroup:
    """Return what the statements say where no birth date decides it. A "no minor" without a reason is none."""
    if True in facts.is_minor:
        return AgeGroup.CHILD
    return AgeGroup.ADULT if facts.judged_adult else AgeGroup.UNKNOWN


def _clashes(by_birth: AgeGroup | None, facts: AgeFacts) -> Iterator[Clash]:
    """Name the facts that contradict each other."""
    if by_birth is AgeGroup.CHILD and False in facts.is_minor:
        yield Clash.of(said("the birth date is that of a child, is_minor says false"), _BIRTH, _MINOR)
    if by_birth is AgeGroup.ADULT and True in facts.is_minor:
        yield Clash.of(said("the birth date is that of an adult, is_minor says true"), _BIRTH, _MINOR)
    if {True, False} <= set(facts.is_minor):
        yield Clash.of(said("is_minor says true in one place and false in another"), _MINOR)
    if facts.judged_adult and by_birth is AgeGroup.CHILD:
        yield Clash.of(said("the birth date is that of a child, adult_judgement says adult"), _BIRTH, _JUDGED)
    if facts.judged_adult and True in facts.is_minor:
        yield Clash.of(said("is_minor says true, adult_judgement says adult"), _MINOR, _JUDGED)


def _stated_clashes(by_age: AgeGroup | None, facts: AgeFacts, stated: StatedAge) -> Iterator[Clash]:
    """Name what contradicts a stated age. An estimate of an adult who is treated as a child contradicts nothing."""
    if by_age is AgeGroup.CHILD and False in facts.is_minor:
        yield Clash.of(said("the stated age is that of a child, is_minor says false"), _STATED, _MINOR)
    if by_age is AgeGroup.ADULT and stated.firm and True in facts.is_minor:
        yield Clash.of(said("the stated age is that of an adult, is_minor says true"), _STATED, _MINOR)
    if by_age is AgeGroup.CHILD and facts.judged_adult:
        yield Clash.of(said("the stated age is that of a child, adult_judgement says adult"), _STATED, _JUDGED)
    yield from _clashes(None, facts)
