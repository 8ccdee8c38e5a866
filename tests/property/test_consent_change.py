"""Narrowing never widens: what a narrower version lets through, the version before let through too."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from refbus.core.consent.change import ConsentChange, change_between, ends, narrowed, widens
from refbus.core.consent.coverage import coverage, denied
from refbus.core.consent.record import ConsentRecord, Effect, Provision, Request
from refbus.core.ids import CountryCode
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import Action, DataCategory, Purpose
from support.consents import COLLECTOR, GIVEN_MS, PARTY, SUBJECT, UNTIL_MS, consent_record
from support.directories import NOW_MS

PURPOSES = (Purpose.MEDICAL, Purpose.REFERRAL_SERVICES)
ACTIONS = (Action.DISCLOSE, Action.ONWARD_REFERRAL, Action.REPORT_BACK)
DATA = (DataCategory.HEALTH, DataCategory.IDENTITY, DataCategory.SERVICE_NEEDS)
TIMES = st.sampled_from((GIVEN_MS, NOW_MS - 1, NOW_MS, NOW_MS + DAY_MS, UNTIL_MS - 1, UNTIL_MS, UNTIL_MS + 1))


def some(values: tuple[Any, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return a few of these values."""
    return st.lists(st.sampled_from(values), max_size=3, unique=True).map(tuple)


PROVISIONS = st.builds(
    Provision,
    effect=st.sampled_from((Effect.PERMIT, Effect.PERMIT, Effect.DENY)),
    purposes=some(PURPOSES),
    actions=some(ACTIONS),
    recipients=st.sampled_from(((PARTY,), (PARTY,), ())),
    countries=st.just((CountryCode("uz"),)),
    data_categories=some(DATA),
    onward_transfer=st.booleans(),
    from_ms=TIMES,
    until_ms=TIMES,
)
RECORDS = st.builds(
    lambda provisions, until_ms: consent_record(provisions=tuple(provisions), valid_until_ms=until_ms),
    st.lists(PROVISIONS, max_size=3),
    TIMES,
)
REQUESTS = st.builds(
    Request,
    actions=some(ACTIONS).filter(bool).map(frozenset),
    purpose=st.sampled_from(PURPOSES),
    categories=some(DATA).map(frozenset),
    sender=st.just(COLLECTOR),
    recipient=st.just(PARTY),
    party=st.just(PARTY),
    subject_ref=st.just(SUBJECT),
    onward=st.booleans(),
)


def lets_through(record: ConsentRecord, request: Request, now_ms: int) -> bool:
    """Return whether the provisions permit a request, by the rules of the decision itself."""
    countries = frozenset({CountryCode("uz")})
    in_force = record.valid_from_ms <= now_ms < ends(record)
    covered = not coverage(request, countries, record.provisions, now_ms).missing
    return in_force and covered and not denied(request, countries, record.provisions, now_ms)


def second(before: ConsentRecord, after: ConsentRecord) -> ConsentRecord:
    """Return `after` as the version that follows `before`, said now."""
    return dataclasses.replace(after, version=before.version + 1, event_time_ms=NOW_MS, valid_from_ms=NOW_MS)


@given(RECORDS, RECORDS, REQUESTS, TIMES.filter(lambda time_ms: time_ms >= NOW_MS))
def test_what_is_called_narrowed_never_widens_and_a_renewal_adds_nothing_but_time(
    before: ConsentRecord, after: ConsentRecord, request: Request, now_ms: int
) -> None:
    """Judged by the decision's own coverage, at every time from the new version on."""
    after = second(before, after)
    change = change_between(before, after)
    renewed = change is ConsentChange.RENEWED and now_ms < ends(before)
    if renewed or change in {ConsentChange.NARROWED, None}:
        assert not lets_through(after, request, now_ms) or lets_through(before, request, now_ms)


@given(RECORDS, some(DATA), REQUESTS, TIMES.filter(lambda time_ms: time_ms >= NOW_MS))
def test_stopping_categories_only_takes_away(
    before: ConsentRecord, stopped: tuple[DataCategory, ...], request: Request, now_ms: int
) -> None:
    """The one change that the program makes by itself, and no request with such a category passes."""
    after = second(before, narrowed(before, stopped))
    assert not widens(before, after)
    if lets_through(after, request, now_ms):
        assert lets_through(before, request, now_ms)
        assert request.categories.isdisjoint(stopped)
