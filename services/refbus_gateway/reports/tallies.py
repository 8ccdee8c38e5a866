"""What an organisation counts of its own cases: how many, by what they say of a person and by what became of them.

For the organisation alone: small numbers name people. A case counts in the period in which it was taken in here, by
the day of the country. Of an erased one nothing is known any more but that it was.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from refbus.core.consent.age import AgeRules, born_between
from refbus.core.consent.census import names_counting
from refbus.core.consent.record import ConsentState
from refbus.core.consent.rules import in_force
from refbus.core.facts import years_between
from refbus.core.statistics import Period, half_of
from refbus.core.times import day_text, read_day
from refbus.each import each
from refbus.errors import RefbusError
from refbus_gateway.forms.ages import facts_of
from refbus_gateway.forms.casefile import CaseFile, parse_case
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.reports import overview
from refbus_gateway.rules import age_check, permission
from refbus_gateway.store import cases, referrals, tellings
from refbus_gateway.store.cases import Case
from refbus_gateway.store.session import Transaction, slices

NOT_KNOWN: Final = "NOT_KNOWN"
"""The value of a case that says nothing of it."""
_NOT_SENT: Final = "DRAFT"
_BANDS: Final = (12, 18, 25, 35, 50)
"""Ages in years at which a band begins."""


class Split(StrEnum):
    """By what cases are counted."""

    SEX = "SEX"
    AGE = "AGE"
    CITIZENSHIP = "CITIZENSHIP"
    EXPLOITATION = "EXPLOITATION"
    SECTOR = "SECTOR"
    REFERRER = "REFERRER"
    OUTCOME = "OUTCOME"


_PATHS: Final[Mapping[Split, tuple[str, ...]]] = {
    Split.SEX: ("person", "prs_Gender"),
    Split.CITIZENSHIP: ("person", "prs_Citizenship"),
    Split.EXPLOITATION: ("trafficking", "vic_TypeOfExploitation"),
    Split.SECTOR: ("trafficking", "vic_ForcedLabourIndustry"),
    Split.REFERRER: ("source_of_referral",),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases are counted. `first`, `last`: days of the country, both counted; None for no end.

    `halves`: each half-year by itself; `practice`: cases of nobody in place of real ones; `consented`: those alone of
    whom a consent stands that permits statistics without identity.
    """

    first: date | None = None
    last: date | None = None
    halves: bool = False
    practice: bool = False
    consented: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """So many cases of a period have this value. A case with several values counts for each."""

    period: str
    by: Split
    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Tallies:
    """All that is counted. `periods`: cases of each; `erased`: cases of which nothing is left; `unread`: damaged."""

    periods: Mapping[str, int]
    erased: int
    unread: int
    rows: tuple[Tally, ...]


def count(gateway: Gateway, tx: Transaction, wanted: Wanted) -> Tallies:
    """Return the counts of own cases. A case that cannot be read hides no other, and is counted as unread."""
    offset_min = gateway.utc_offset_min()
    unread: cases.Unread = []
    own = [(case, _day(case, offset_min)) for case in cases.newest(tx, None, 0, unread) if case.own]
    within = [(case, day) for case, day in own if _is_within(day, wanted)]
    periods: Counter[str] = Counter()
    values: Counter[tuple[str, Split, str]] = Counter()
    for some in slices([one for one in within if one[0].live]):
        for day, found in _facts(gateway, tx, some, wanted, unread):
            period = str(Period(day.year, half_of(day))) if wanted.halves else ""
            periods[period] += 1
            values.update((period, by, value) for by, held in found.items() for value in held)
    ordered = sorted(values.items(), key=lambda one: (one[0][0], list(Split).index(one[0][1]), -one[1], one[0][2]))
    rows = tuple(Tally(*key, number) for key, number in ordered)
    return Tallies(dict(sorted(periods.items())), sum(not case.live for case, _ in within), len(unread), rows)


def _day(case: Case, offset_min: int) -> date:
    return read_day(day_text(case.created_ms, offset_min)) or date.min


def _is_within(day: date, wanted: Wanted) -> bool:
    return (wanted.first or date.min) <= day <= (wanted.last or date.max)


def _facts(
    gateway: Gateway, tx: Transaction, some: Sequence[tuple[Case, date]], wanted: Wanted, unread: cases.Unread
) -> list[tuple[date, Mapping[Split, frozenset[str]]]]:
    """Return what counts of some cases, with their days."""
    days = {case.id: day for case, day in some}
    bodies = cases.own_bodies(tx, days)
    outcomes = _outcomes(tx, days)
    offset_min, rules = gateway.utc_offset_min(), age_check.rules_here(gateway)

    def read(case: Case) -> tuple[date, Mapping[Split, frozenset[str]]] | None:
        content = base64.b64decode(bodies[case.id]["file"])
        file = parse_case(content, now_ms=gateway.now_ms(), utc_offset_min=offset_min, country=gateway.country)
        if file.fictional is not wanted.practice or (wanted.consented and not _permits(gateway, tx, case)):
            return None
        outcome = outcomes.get(case.id, frozenset({_NOT_SENT}))
        return days[case.id], {**_values(file, days[case.id], rules, case.created_ms), Split.OUTCOME: outcome}

    def failed(case: Case, error: RefbusError) -> None:
        unread.append((case.id, error.code))

    readable = [case for case, _ in some if case.id in bodies]
    return [found for found in each(readable, read, failed) if found is not None]


def _outcomes(tx: Transaction, numbers: Iterable[int]) -> dict[int, frozenset[str]]:
    """Return where the referrals of each case stand that has any."""
    of_case = referrals.numbers_by_case(tx, numbers, own=True)
    sent = [number for found in of_case.values() for number in found]
    states = {line.referral.id: str(line.view.status) for line in overview.referral_lines(tx, numbers=sent)}
    found = {case: frozenset(states[one] for one in sent if one in states) for case, sent in of_case.items()}
    return {case: held for case, held in found.items() if held}


def _values(file: CaseFile, day: date, rules: AgeRules, at_ms: int) -> dict[Split, frozenset[str]]:
    """Return what a case says, by what it is counted; NOT_KNOWN where it says nothing.

    `at_ms`: when the case was taken in, as of which an age without a day of its own counts.
    """
    found = {by: _codes(file.fields, path) for by, path in _PATHS.items()}
    born = born_between(facts_of(file.fields), rules, at_ms)
    found[Split.AGE] = frozenset({_band(born, day)} if born else ())
    return {by: found[by] or frozenset({NOT_KNOWN}) for by in found}


def _codes(fields: Mapping[str, Any], path: Iterable[str]) -> frozenset[str]:
    value: Any = fields
    for name in path:
        value = (value or {}).get(name)
    items = value if isinstance(value, list) else [] if value is None else [value]
    return frozenset(str(item["code"]) for item in items)


def _band(born: tuple[date, date], day: date) -> str:
    """Return in which band the age was on a day; NOT_KNOWN where the first and last day of birth leave two possible."""
    bands = {_band_of(each, day) for each in born}
    return bands.pop() if len(bands) == 1 else NOT_KNOWN


def _band_of(born: date, day: date) -> str:
    years = years_between(born, day)
    above = [one for one in _BANDS if one > years]
    begin = max((one for one in _BANDS if one <= years), default=0)
    return f"{begin}-{above[0] - 1}" if above else f"{begin}+"


def _permits(gateway: Gateway, tx: Transaction, case: Case) -> bool:
    """Whether every consent of a case that stands permits statistics without identity, and there is one.

    A no that could not be signed yet counts like one that is.
    """
    now_ms = gateway.now_ms()
    nos = tellings.nos(tx, case)
    newest = permission.newest_records(tx, case).items()
    standing = [
        record
        for party, record in newest
        if party not in nos and record.state is ConsentState.GIVEN and in_force(record, now_ms)
    ]
    return bool(standing) and all(names_counting(record, now_ms) for record in standing)
