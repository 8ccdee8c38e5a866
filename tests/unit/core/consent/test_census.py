"""Being counted in published numbers: only by a yes of its own that is in force; every doubt is a no."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.consent.census import permits_counting
from refbus.core.consent.change import ConsentChange, change_between, narrowed
from refbus.core.consent.record import Assent, ConsentRecord, ConsentState, Effect, Evidence, KnownConsent
from refbus.core.consent.rules import Setting
from refbus.core.ids import ConsentId, CountryCode
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import Action, DataCategory, Purpose
from support.consents import COLLECTOR, GIVEN_MS, PARTY, UNTIL_MS, consent_record, deny, evidence, provision, withdrawn
from support.directories import NOW_MS, federation

FED = federation(("kz", "uz"))
COUNTED = provision(purposes=(Purpose.STATISTICS_NON_IDENTIFYING,), actions=(Action.DISCLOSE,), data_categories=())
OTHER_ID = ConsentId(b"\x01" * 16)


def yes(*more: Any, **changes: Any) -> ConsentRecord:
    """Return a yes to a referral and to being counted."""
    return consent_record(**{"provisions": (provision(), COUNTED, *more), **changes})


def may_count(*known: KnownConsent, now_ms: int = NOW_MS) -> bool:
    """Return whether the person is counted by what a node knows."""
    policy = FED.history.latest.policies[CountryCode("kz")]
    return permits_counting(known, Setting(FED.history.latest, policy, now_ms))


def knows(*records: ConsentRecord | Evidence) -> KnownConsent:
    """Return what a node remembers of one consent."""
    return KnownConsent(newest=tuple(each if isinstance(each, Evidence) else evidence(each) for each in records))


def test_a_permission_of_its_own_counts() -> None:
    """It names no kind of data, and a rule for more than one purpose counts too."""
    both = provision(purposes=(Purpose.REFERRAL_SERVICES, Purpose.STATISTICS_NON_IDENTIFYING))
    assert may_count(knows(yes()))
    assert may_count(knows(consent_record(provisions=(both,))))


NOT_COUNTED = {
    "nothing is known": (),
    "it was not asked": (knows(consent_record()),),
    "it is denied": (knows(yes(deny(purposes=(Purpose.STATISTICS_NON_IDENTIFYING,)))),),
    "no was said": (knows(yes(state=ConsentState.REFUSED)),),
    "it was withdrawn": (knows(yes(), withdrawn(yes())),),
    "the permission ended": (knows(consent_record(provisions=(dataclasses.replace(COUNTED, until_ms=NOW_MS),))),),
    "the permission begins later": (
        knows(consent_record(provisions=(dataclasses.replace(COUNTED, from_ms=NOW_MS + 1),))),
    ),
    "the consent ended": (knows(yes(valid_until_ms=NOW_MS)),),
    "nobody vouches for it": (knows(evidence(yes(), signature_ok=False)),),
    "another consent in force does not say so": (knows(yes()), knows(consent_record(consent_id=OTHER_ID))),
    "two newest versions differ": (knows(yes(), yes(withdrawal_contact="another line")),),
    "the child was not asked": (knows(yes(majority_at_ms=NOW_MS + 900 * DAY_MS, assent=Assent.NOT_ASKED)),),
}


@pytest.mark.parametrize("known", NOT_COUNTED.values(), ids=NOT_COUNTED)
def test_every_doubt_is_a_no(known: tuple[KnownConsent, ...]) -> None:
    """Whoever was not asked, said no, took it back, or whose word cannot be relied on is not counted."""
    assert not may_count(*known)


def test_a_consent_that_ended_says_nothing_of_a_newer_one() -> None:
    """Only what is in force counts: a yes stands beside a consent that is over or was taken back."""
    over = consent_record(consent_id=OTHER_ID, valid_until_ms=NOW_MS)
    assert may_count(knows(yes()), knows(over))
    assert not may_count(knows(yes()), now_ms=UNTIL_MS)
    back = consent_record(consent_id=OTHER_ID)
    assert may_count(knows(yes()), knows(back, withdrawn(back)))


def test_a_later_version_decides() -> None:
    """Taken out by itself it is a narrowing, the rest goes on; put in again it is a widening."""
    first = yes()
    less = dataclasses.replace(
        narrowed(first, (), [Purpose.STATISTICS_NON_IDENTIFYING]), version=2, event_time_ms=GIVEN_MS + 1
    )
    assert less.provisions == (provision(),)
    assert change_between(first, less) is ConsentChange.NARROWED
    assert change_between(less, dataclasses.replace(first, event_time_ms=GIVEN_MS + 2)) is ConsentChange.WIDENED
    chained = dataclasses.replace(less, prev_hash=evidence(first).record_sha256)
    assert not may_count(knows(first, chained))


def test_stopping_a_kind_of_data_leaves_the_counting() -> None:
    """A person who takes one kind of data back says nothing of being counted."""
    less = narrowed(yes(), [DataCategory.IDENTITY])
    assert COUNTED in less.provisions
    assert all(each.effect is Effect.PERMIT for each in less.provisions)
    assert {COLLECTOR, PARTY} == {less.collected_by, less.party}
