"""What changed between two versions of one consent: computed from the two records, never told by anybody.

A record permits points: one purpose, one action, one data category (or none), onward or not, at one time. Narrowing
takes points away and adds none; whatever adds one is a widening, or a renewal where only time was added.
Source: domain.md 4.3; the meaning of a provision is that of `refbus.core.consent.coverage`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product

from refbus.core.consent.record import Assent, ConsentRecord, ConsentState, Effect, GrantorKind, Provision
from refbus.core.consent.rules import minor_until
from refbus.core.ids import CountryCode
from refbus.core.vocabulary import Action, DataCategory, Purpose


class ConsentChange(StrEnum):
    """What a new version is, in one word; the values are those of the event ConsentAmended."""

    NARROWED = "NARROWED"
    WIDENED = "WIDENED"
    RENEWED = "RENEWED"
    GUARDIAN_APPOINTED = "GUARDIAN_APPOINTED"
    GUARDIAN_REPLACED = "GUARDIAN_REPLACED"
    ASSENT_RECORDED = "ASSENT_RECORDED"
    MAJORITY_REACHED = "MAJORITY_REACHED"


@dataclass(frozen=True, slots=True)
class Point:
    """The smallest thing that a record permits or does not. `category` is None for an event without data."""

    purpose: Purpose
    action: Action
    category: DataCategory | None
    country: CountryCode
    onward: bool


def change_between(before: ConsentRecord, after: ConsentRecord) -> ConsentChange | None:
    """Return what `after` changes; None when it permits exactly what `before` did, by the same word.

    Who speaks for the person counts before what is permitted: a new guardian's word is one whatever it says.
    """
    spoken = _spoken(before, after)
    if spoken is not None:
        return spoken
    if widens(before, after):
        return ConsentChange.WIDENED
    longer = (ends(after), after.retain_until_ms)
    if any(new > old for new, old in zip(longer, (ends(before), before.retain_until_ms), strict=True)):
        return ConsentChange.RENEWED
    same_times = longer == (ends(before), before.retain_until_ms)
    return None if same_times and not _gains(before, after, after.event_time_ms) else ConsentChange.NARROWED


def follows(before: ConsentRecord, after: ConsentRecord) -> bool:
    """Return whether two answers are a yes and the next version of it, which is a yes too or a refusal."""
    answers = before.state is ConsentState.GIVEN and after.state is not ConsentState.WITHDRAWN
    return answers and (before.consent_id, before.version + 1) == (after.consent_id, after.version)


def widens(before: ConsentRecord, after: ConsentRecord) -> bool:
    """Return whether `after` permits something that `before` does not permit, other than for a longer time."""
    return _gains(after, before, after.event_time_ms)


def permits(record: ConsentRecord, point: Point, at_ms: int) -> bool:
    """Return whether the provisions permit a point at a time (UTC ms): one PERMIT covers it and no DENY touches it.

    What else a decision demands of the record (signature, grantor, notice) is not asked here.
    """
    if record.state is not ConsentState.GIVEN or not record.valid_from_ms <= at_ms < ends(record):
        return False
    here = [each for each in record.provisions if each.from_ms <= at_ms < each.until_ms]
    here = [each for each in here if record.party in each.recipients and _names(each, point)]
    allowed = any(each.effect is Effect.PERMIT and _may_pass_on(each, point) for each in here)
    return allowed and not any(each.effect is Effect.DENY and point.category is not None for each in here)


def points(record: ConsentRecord) -> Iterator[Point]:
    """Yield every point that some PERMIT of a record names, whatever is denied; some more than once."""
    for each in record.provisions:
        if each.effect is Effect.PERMIT:
            onward = (False, True) if each.onward_transfer else (False,)
            for parts in product(each.purposes, each.actions, (None, *each.data_categories), each.countries, onward):
                yield Point(*parts)


def narrowed(record: ConsentRecord, stopped: Iterable[DataCategory], purposes: Iterable[Purpose] = ()) -> ConsentRecord:
    """Return the record without these categories and purposes in any PERMIT; one that has lost all of either goes.

    Id, version and chain are the caller's to set.
    """
    without, ended = frozenset(stopped), frozenset(purposes)
    pairs = [
        (each, _without(each, without, ended) if each.effect is Effect.PERMIT else each) for each in record.provisions
    ]
    kept = tuple(
        after
        for before, after in pairs
        if (after.data_categories or not before.data_categories) and (after.purposes or not before.purposes)
    )
    return replace(record, provisions=kept)


def ends(record: ConsentRecord) -> int:
    """Return when a record stops permitting by itself (UTC ms, exclusive): its end, the guardian's, majority."""
    grantor, of_age_ms = record.grantor, minor_until(record)
    found = [record.valid_until_ms]
    if grantor.kind is not GrantorKind.SELF and grantor.authority_until_ms is not None:
        found.append(grantor.authority_until_ms)
    if of_age_ms is not None:
        found.append(of_age_ms)
    return min(found)


def _spoken(before: ConsentRecord, after: ConsentRecord) -> ConsentChange | None:
    """Find a change of who speaks: the person now of age, a guardian, the child's own answer."""
    was, now = before.grantor, after.grantor
    if minor_until(before) is not None and now.kind is GrantorKind.SELF and minor_until(after) is None:
        return ConsentChange.MAJORITY_REACHED
    if now.kind is not GrantorKind.SELF and (was.kind, was.authority_evidence) != (now.kind, now.authority_evidence):
        appointed = was.kind is GrantorKind.SELF
        return ConsentChange.GUARDIAN_APPOINTED if appointed else ConsentChange.GUARDIAN_REPLACED
    answered = after.assent in {Assent.GIVEN, Assent.REFUSED}
    return ConsentChange.ASSENT_RECORDED if answered and after.assent is not before.assent else None


def _gains(more: ConsentRecord, less: ConsentRecord, begins_ms: int) -> bool:
    """Return whether `more` permits a point that `less` does not, or did not when it ended."""
    last_ms = ends(less) - 1
    return any(
        permits(more, point, at_ms) and not permits(less, point, min(at_ms, last_ms))
        for at_ms in _moments(more, less, begins_ms)
        for point in points(more)
    )


def _moments(one: ConsentRecord, other: ConsentRecord, begins_ms: int) -> list[int]:
    """Return the times at which what is permitted may change, from `begins_ms` on: between them it is constant."""
    found = {begins_ms, one.valid_from_ms, other.valid_from_ms, ends(one), ends(other)}
    for each in (*one.provisions, *other.provisions):
        found |= {each.from_ms, each.until_ms}
    return sorted(at_ms for at_ms in found if at_ms >= begins_ms)


def _names(provision: Provision, point: Point) -> bool:
    return (
        point.purpose in provision.purposes
        and point.action in provision.actions
        and point.country in provision.countries
        and (point.category is None or point.category in provision.data_categories)
    )


def _may_pass_on(provision: Provision, point: Point) -> bool:
    onward = point.onward or point.action is Action.ONWARD_REFERRAL
    return provision.onward_transfer or not onward


def _without(provision: Provision, stopped: frozenset[DataCategory], ended: frozenset[Purpose]) -> Provision:
    kept = tuple(each for each in provision.data_categories if each not in stopped)
    purposes = tuple(each for each in provision.purposes if each not in ended)
    return replace(provision, data_categories=kept, purposes=purposes)
