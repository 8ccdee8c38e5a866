"""Facts of a case that do not go together: one table, for forms, commands, imports and what comes in.

A rule is REFUSED where no life can be so, and ASKED where it may be, and is more often a slip of the hand: then the
worker says why it is so. A recipient refuses nothing for it: it shows the doubt. A rule looks only at facts that were
stated; what was withheld or is not known contradicts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from refbus.core.consent.age import AgeGroup, age_span, impossible
from refbus.core.facts import BIRTH, Facts, years_between
from refbus.core.times import day_text, read_day

_STATED: Final = "person.stated_age"
_STATED_TO: Final = "person.stated_age_to"
_STATED_ON: Final = "person.stated_age_on"
LONG_AGO: Final = 95
"""Age in years from which on a birth year is asked about."""
TOO_YOUNG_TO_MARRY: Final = 16
TOO_YOUNG_FOR_CHILDREN: Final = 12


class Weight(StrEnum):
    """What is done about facts that do not go together."""

    REFUSED = "REFUSED"
    ASKED = "ASKED"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `paths`: the facts that it compares, the one to look at first; `heading`: what is wrong, in a phrase.

    `holds`: whether the facts do not go together.
    """

    name: str
    weight: Weight
    paths: tuple[str, ...]
    heading: str
    holds: Callable[[Facts], bool]


def doubts(facts: Facts) -> Iterator[Rule]:
    """Yield each rule of the table that the facts break, in its order."""
    for rule in RULES:
        if all(facts.at(path) not in (None, "", [], {}) for path in rule.paths) and rule.holds(facts):
            yield rule


def _birth_impossible(facts: Facts) -> bool:
    return impossible(str(facts.at(BIRTH)), facts.rules, facts.at_ms)


def _ahead(path: str) -> Callable[[Facts], bool]:
    """Return whether a day that somebody writes about afterwards is still to come; one day of zones is let pass."""

    def holds(facts: Facts) -> bool:
        span = facts.span(path)
        return span is not None and span[0] > facts.today + timedelta(days=1)

    return holds


def _before(path: str, other: str) -> Callable[[Facts], bool]:
    """Return whether the first date is certainly before the other."""

    def holds(facts: Facts) -> bool:
        first, second = facts.span(path), facts.span(other)
        return first is not None and second is not None and first[1] < second[0]

    return holds


def _past(path: str) -> Callable[[Facts], bool]:
    def holds(facts: Facts) -> bool:
        span = facts.span(path)
        return span is not None and span[1] < facts.today

    return holds


def _older_than_now(facts: Facts) -> bool:
    then, oldest = facts.number("trafficking.vic_AgeWhenTrafficked"), facts.oldest
    return then is not None and oldest is not None and then > max(oldest, 0)


def _older_than_stated(facts: Facts) -> bool:
    """Return whether somebody was older when it began than the stated age allows; an estimate allows any."""
    then, stated = facts.number(_AGE_THEN), facts.stated
    born = None if stated is None or not stated.firm else age_span(stated, facts.rules, facts.at_ms)
    return then is not None and born is not None and then > max(years_between(born[0], facts.today), 0)


def _band_turned(facts: Facts) -> bool:
    least, most = facts.number(_STATED), facts.number(_STATED_TO)
    return least is not None and most is not None and most < least


def _adult(facts: Facts) -> bool:
    return facts.age.group is AgeGroup.ADULT and not facts.age.contradictions


def _grown_since(facts: Facts) -> bool:
    """Return whether only the time since the day of the stated age makes an adult: a wrong year does so too."""
    return facts.age_as_stated is not None and facts.age_as_stated.child and _adult(facts)


def _married_child(facts: Facts) -> bool:
    oldest, married = facts.oldest, facts.codes("person.prs_MaritalStatus") - {"Single"}
    forced = bool(facts.codes("trafficking.vic_TypeOfExploitation") & {"ForcedMarriage", "x_ForcedMarriage"})
    return oldest is not None and 0 <= oldest < TOO_YOUNG_TO_MARRY and bool(married) and not forced


def _child_with_children(facts: Facts) -> bool:
    oldest, children = facts.oldest, facts.number("person.prs_NumberOfChildren")
    return oldest is not None and 0 <= oldest < TOO_YOUNG_FOR_CHILDREN and bool(children)


def _national_elsewhere(facts: Facts) -> bool:
    here = facts.codes("location.country")
    return "NATIONAL" in facts.codes("immigration.status") and not here & facts.codes("person.prs_Citizenship")


def _adult_then(facts: Facts) -> bool:
    then = facts.number("trafficking.vic_AgeWhenTrafficked")
    child = "NOT_REQUIRED_CHILD" in facts.codes("trafficking.palermo_means")
    return child and then is not None and then >= facts.rules.majority_age


def _journey_backwards(facts: Facts) -> bool:
    """Return whether a leg ends before it begins, or begins before the one before it does."""
    legs = [leg for leg in facts.at("legs") if isinstance(leg, Mapping)]
    times = [(leg.get("departs_ms"), leg.get("arrives_ms")) for leg in legs]
    known = [(begin, end) for begin, end in times if type(begin) is int and type(end) is int]
    turned = any(end < begin for begin, end in known)
    return turned or any(later[0] < earlier[0] for earlier, later in pairwise(known))


def _certificate_ends_on_the_way(facts: Facts) -> bool:
    """Return whether a medical certificate ends before the day on which the last leg arrives."""
    until, legs = facts.span(_CERTIFIED), facts.at("legs")
    times = [leg.get("arrives_ms") for leg in legs if isinstance(leg, Mapping)]
    arrives = [read_day(day_text(each, facts.rules.utc_offset_min)) for each in times if type(each) is int]
    return until is not None and any(day is not None and day > until[1] for day in arrives)


def _room_ends_first(facts: Facts) -> bool:
    begin, end = facts.number("available_from_ms"), facts.number("available_until_ms")
    return begin is not None and end is not None and end < begin


_STATUS: Final = "immigration.status"
_PERMIT: Final = "immigration.permit_until"
_ARRIVED: Final = "immigration.arrived_on"
_ISSUED: Final = "immigration.document_issued_on"
_VALID: Final = "immigration.document_valid_until"
_BEGAN: Final = "trafficking.exploited_from"
_ENDED: Final = "trafficking.exploited_until"
_AGE_THEN: Final = "trafficking.vic_AgeWhenTrafficked"
_CERTIFIED: Final = "medical_certificate_until"

RULES: Final = (
    Rule(
        "BIRTH_IMPOSSIBLE",
        Weight.REFUSED,
        (BIRTH,),
        "is before 1900 or in the future: look at the year again",
        _birth_impossible,
    ),
    Rule(
        "RISK_ASSESSED_AHEAD",
        Weight.REFUSED,
        ("risk.assessed_on",),
        "the risk was assessed on a day that is still to come",
        _ahead("risk.assessed_on"),
    ),
    Rule(
        "TRAFFICKED_OLDER_THAN_NOW",
        Weight.REFUSED,
        (_AGE_THEN, BIRTH),
        "the person was older when it began than the birth date allows today",
        _older_than_now,
    ),
    Rule(
        "TRAFFICKED_OLDER_THAN_STATED",
        Weight.REFUSED,
        (_AGE_THEN, _STATED, _STATED_ON),
        "the person was older when it began than the stated age allows today",
        _older_than_stated,
    ),
    Rule(
        "AGE_BAND_TURNED",
        Weight.REFUSED,
        (_STATED_TO, _STATED),
        "the band of ages ends before it begins",
        _band_turned,
    ),
    Rule(
        "NATIONAL_AND_STATELESS",
        Weight.REFUSED,
        (_STATUS,),
        "a national of the country is not stateless",
        lambda facts: facts.codes(_STATUS) >= {"NATIONAL", "STATELESS"},
    ),
    Rule(
        "JOURNEY_BACKWARDS",
        Weight.REFUSED,
        ("legs",),
        "a leg of the journey ends before it begins, or begins before the one before it",
        _journey_backwards,
    ),
    Rule(
        "CERTIFICATE_ENDS_ON_THE_WAY",
        Weight.REFUSED,
        (_CERTIFIED, "legs"),
        "the medical certificate ends before the person arrives",
        _certificate_ends_on_the_way,
    ),
    Rule(
        "ROOM_ENDS_FIRST",
        Weight.REFUSED,
        ("available_until_ms", "available_from_ms"),
        "the room is kept until a time before it begins",
        _room_ends_first,
    ),
    *(
        Rule(f"{name.upper()}_AHEAD", Weight.REFUSED, (name,), "is a day that is still to come", _ahead(name))
        for name in (
            *("assessed_on", "agreed_on", "contacted_on", "determined_on", "wished_on"),
            "medical_certificate_on",
        )
    ),
    *(
        Rule(name, Weight.REFUSED, (path, other), heading, _before(path, other))
        for name, path, other, heading in (
            ("EXPLOITED_BEFORE_BIRTH", _BEGAN, BIRTH, "the exploitation began before the person was born"),
            ("AGE_STATED_BEFORE_BIRTH", _STATED_ON, BIRTH, "the age was stated before the person was born"),
            ("EXPLOITATION_ENDS_FIRST", _ENDED, _BEGAN, "the exploitation ended before it began"),
            ("ARRIVED_BEFORE_BIRTH", _ARRIVED, BIRTH, "the person came to the country before being born"),
            ("DOCUMENT_BEFORE_BIRTH", _ISSUED, BIRTH, "the document was issued before the person was born"),
            ("DOCUMENT_ENDS_FIRST", _VALID, _ISSUED, "the document ended before it was issued"),
            ("CERTIFICATE_ENDS_FIRST", _CERTIFIED, "medical_certificate_on", "the certificate ends before it begins"),
        )
    ),
    *(
        Rule(name, Weight.REFUSED, (path,), "is a day that is still to come", _ahead(path))
        for name, path in (
            ("AGE_STATED_AHEAD", _STATED_ON),
            ("EXPLOITED_AHEAD", _BEGAN),
            ("EXPLOITATION_ENDS_AHEAD", _ENDED),
            ("ARRIVED_AHEAD", _ARRIVED),
            ("DOCUMENT_ISSUED_AHEAD", _ISSUED),
        )
    ),
    Rule(
        "DOCUMENT_ENDED",
        Weight.ASKED,
        (_VALID, "immigration.has_travel_document"),
        "the document is said to be valid and has ended",
        lambda facts: facts.at("immigration.has_travel_document") is True and _past(_VALID)(facts),
    ),
    Rule(
        "PERMIT_ENDED",
        Weight.ASKED,
        (_PERMIT,),
        "the right to stay has ended already",
        _past(_PERMIT),
    ),
    *(
        Rule(name, Weight.ASKED, (path,), heading, _past(path))
        for name, path, heading in (
            ("REFLECTION_ENDED", "immigration.reflection_until", "the period for reflection has ended already"),
            ("HEARING_PASSED", "legal_proceedings.next_hearing", "the day of the next hearing has passed"),
        )
    ),
    Rule(
        "GUARDIAN_OF_ADULT",
        Weight.ASKED,
        ("guardian",),
        "the person is an adult and has a guardian",
        _adult,
    ),
    Rule(
        "STATED_CHILD_GROWN",
        Weight.ASKED,
        (_STATED_ON,),
        "by the stated age the person was a child that day, and is an adult today",
        _grown_since,
    ),
    Rule(
        "BORN_LONG_AGO",
        Weight.ASKED,
        (BIRTH,),
        "by the birth date the person is very old",
        lambda facts: (facts.youngest or 0) >= LONG_AGO and not _birth_impossible(facts),
    ),
    Rule(
        "CITIZEN_AND_STATELESS",
        Weight.ASKED,
        (_STATUS, "person.prs_Citizenship"),
        "the person is stateless and has a citizenship",
        lambda facts: (
            "STATELESS" in facts.codes(_STATUS)
            and bool(facts.codes("person.prs_Citizenship") - {"x_STATELESS", "x_UNKNOWN"})
        ),
    ),
    Rule(
        "NATIONAL_ELSEWHERE",
        Weight.ASKED,
        (_STATUS, "person.prs_Citizenship", "location.country"),
        "a national of the country where the person is has that citizenship",
        _national_elsewhere,
    ),
    Rule(
        "CHILD_MARRIED",
        Weight.ASKED,
        ("person.prs_MaritalStatus",),
        "a child of this age is married, and forced marriage is not named",
        _married_child,
    ),
    Rule(
        "CHILD_WITH_CHILDREN",
        Weight.ASKED,
        ("person.prs_NumberOfChildren",),
        "a child of this age has children",
        _child_with_children,
    ),
    Rule(
        "ADULT_WITHOUT_ADULTS",
        Weight.ASKED,
        (_STATUS,),
        "an adult is said to be a child without parents",
        lambda facts: "SEPARATED_OR_UNACCOMPANIED_CHILD" in facts.codes(_STATUS) and _adult(facts),
    ),
    Rule(
        "ADULT_THEN",
        Weight.ASKED,
        ("trafficking.palermo_means", _AGE_THEN),
        "no means are needed where the person was a child, and by the age then it was an adult",
        _adult_then,
    ),
)
"""The table; a rule is added with its words in every language, and its name never changes: case files hold it."""
ASKED: Final = tuple(rule.name for rule in RULES if rule.weight is Weight.ASKED)
"""Names of the rules that a worker may answer with a reason."""
