"""Signatures, versions and withdrawals in the consent decision."""

from __future__ import annotations

import dataclasses

import pytest

from refbus.core.consent.chain import MOST_MARKS, made_needless, with_mark
from refbus.core.consent.record import ConsentState, Decision, KnownConsent, Withdrawal, withdrawal_of
from refbus.core.ids import CountryCode, SubjectRef
from refbus.core.vocabulary import Purpose
from refbus.errors import Code
from support.asking import OTHER_ID, UNKNOWN, ask
from support.consents import (
    COLLECTOR,
    CONSENT_ID,
    GIVEN_MS,
    PARTY,
    amended,
    consent_record,
    disclosure,
    evidence,
    provision,
    record_sha256,
    withdrawn,
)
from support.directories import NOW_MS, agency, ngo, second_ngo


def test_a_bad_signature_counts_for_nothing() -> None:
    """Neither a permit nor a withdrawal is believed without a signature that holds."""
    record = consent_record()
    assert ask(evidence(record, signature_ok=False)).reasons == (Code.BAD_SIGNATURE,)
    assert ask(record, evidence(withdrawn(record), signature_ok=False)).permit


def test_only_the_collector_gives_and_either_side_withdraws() -> None:
    """GIVEN by the party is nothing; WITHDRAWN and REFUSED by it count; a stranger's do not."""
    record = consent_record()
    stop, no = withdrawn(record), amended(record, state=ConsentState.REFUSED)
    assert ask(evidence(record, signer=PARTY)).reasons == (Code.BAD_SIGNATURE,)
    assert ask(record, evidence(stop, signer=PARTY)).reasons == (Code.WITHDRAWN,)
    assert ask(record, evidence(no, signer=PARTY)).reasons == (Code.REFUSED,)
    assert ask(record, evidence(stop, signer=second_ngo("uz"))).permit


def test_the_newest_version_decides() -> None:
    """A narrower second version takes effect at once, in any order; the first alone would permit."""
    first = consent_record()
    second = amended(first, provisions=(provision(purposes=(Purpose.MEDICAL,)),))
    for records in ((first, second), (second, first)):
        assert ask(*records).reasons == (Code.PURPOSE_NOT_COVERED,)
    assert ask(first, newest=(evidence(second),)).reasons == (Code.PURPOSE_NOT_COVERED,)


def test_a_newer_version_that_is_not_understood_does_not_bring_the_older_back() -> None:
    """Unknown values in version 2 deny; version 1 is not fallen back to."""
    first = consent_record()
    assert ask(first, amended(first, method=UNKNOWN)).reasons == (Code.UNKNOWN_VALUE,)


def test_a_version_must_continue_the_one_before_when_that_is_known() -> None:
    """A wrong predecessor breaks the chain; an unknown one cannot be checked and does not."""
    first = consent_record()
    assert ask(first, amended(first)).permit
    assert ask(first, amended(first, prev_hash=bytes(32))).reasons == (Code.CHAIN_BROKEN,)
    assert ask(amended(first, prev_hash=bytes(32))).permit
    assert ask(first, consent_record(version=3, prev_hash=bytes(32))).permit


def test_two_different_newest_versions_break_the_chain_and_a_repeated_one_does_not() -> None:
    """A collector that says two things under one version is believed in neither."""
    first = consent_record()
    assert ask(first, dataclasses.replace(first, interpreter=False)).reasons == (Code.CHAIN_BROKEN,)
    assert ask(first, first).permit


def test_a_chain_keeps_to_one_person() -> None:
    """A later version about somebody else is no continuation."""
    first = consent_record()
    assert ask(first, amended(first, subject_ref=SubjectRef(bytes(32)))).reasons == (Code.CHAIN_BROKEN,)


def test_nobody_else_can_continue_a_chain() -> None:
    """A record under the same id by another collector is a chain of its own and changes nothing."""
    hijack = consent_record(version=9, prev_hash=bytes(32), collected_by=agency("kg"), jurisdiction=CountryCode("kg"))
    assert ask(consent_record(), hijack).permit
    assert ask(consent_record(), dataclasses.replace(hijack, state=ConsentState.WITHDRAWN)).permit


@pytest.mark.parametrize("state", [ConsentState.REFUSED, ConsentState.WITHDRAWN])
def test_a_stranger_cannot_say_no_in_the_name_of_the_collector(state: ConsentState) -> None:
    """An organisation that learnt the id and names itself as party signs for itself only, not for the named party."""
    stranger = second_ngo("uz")
    no = evidence(
        consent_record(version=9, prev_hash=bytes(32), state=state, party=stranger, provisions=()), signer=stranger
    )
    assert no.authentic
    assert ask(consent_record(), no).permit
    mark = withdrawal_of(no)
    assert ask(consent_record(), newest=(no,), withdrawals=(mark,) if mark else ()).permit


def test_a_collector_cannot_be_its_own_party() -> None:
    """A record needs two organisations."""
    own = consent_record(party=COLLECTOR, provisions=())
    assert Code.MALFORMED in ask(own, request=disclosure(recipient=COLLECTOR, party=COLLECTOR)).reasons


def test_a_withdrawal_wins_in_any_order_and_ignores_its_provisions() -> None:
    """WITHDRAWN closes the consent even when it still carries a PERMIT, and is the only reason."""
    record = consent_record()
    stop = withdrawn(record, provisions=record.provisions)
    for records in ((record, stop), (stop, record), (record, stop, record, stop)):
        assert ask(*records).reasons == (Code.WITHDRAWN,)


def test_a_withdrawal_alone_is_reported_as_such() -> None:
    """When only the withdrawal is known, the reason is WITHDRAWN."""
    stop = withdrawn(consent_record())
    assert ask(stop) == Decision(False, (Code.WITHDRAWN,), CONSENT_ID, 2, 0, ())


def test_a_withdrawal_covers_versions_although_the_chain_is_incomplete() -> None:
    """A withdrawal of version 9 with an unknown predecessor closes versions 1 and 8."""
    stop = withdrawn(consent_record(), version=9, prev_hash=bytes(32))
    for version in (1, 8, 9):
        record = consent_record(version=version, prev_hash=None if version == 1 else bytes(32))
        assert ask(record, stop).reasons == (Code.WITHDRAWN,)


def test_a_withdrawal_of_a_lower_version_closes_higher_ones_signed_before_it() -> None:
    """Who withdraws has not always seen the newest version: what counts is what was said later."""
    record = consent_record()
    later = amended(amended(record))
    stop = withdrawn(record, event_time_ms=later.event_time_ms)
    assert ask(later, stop).reasons == (Code.WITHDRAWN,)


def test_consent_given_again_needs_a_higher_version_said_later() -> None:
    """Only both together reopen it."""
    record = consent_record()
    stop = withdrawn(record)
    again = amended(stop, state=ConsentState.GIVEN, provisions=record.provisions)
    assert ask(record, stop, again).permit
    assert ask(stop, dataclasses.replace(again, event_time_ms=stop.event_time_ms)).reasons == (Code.WITHDRAWN,)
    same = dataclasses.replace(again, version=2, prev_hash=record_sha256(record))
    assert ask(record, stop, same).reasons == (Code.WITHDRAWN,)


def test_a_remembered_withdrawal_closes_a_record_that_comes_without_it() -> None:
    """The store's memory is enough, long after the withdrawal itself is gone."""
    stop = withdrawal_of(evidence(withdrawn(consent_record())))
    assert stop is not None
    assert ask(consent_record(), withdrawals=(stop,)).reasons == (Code.WITHDRAWN,)
    foreign = Withdrawal(CONSENT_ID, ngo("kz"), 9, NOW_MS)
    other_id = dataclasses.replace(stop, consent_id=OTHER_ID)
    assert ask(consent_record(), withdrawals=(foreign, other_id)).permit


def test_a_withdrawn_consent_does_not_close_another_one() -> None:
    """Each consent id stands for itself."""
    record = consent_record(consent_id=OTHER_ID)
    assert ask(record, withdrawn(record), consent_record()).permit


def test_only_an_authentic_withdrawal_is_one() -> None:
    """A GIVEN is no withdrawal, nor is one that nobody entitled signed."""
    stop = withdrawn(consent_record())
    assert withdrawal_of(evidence(consent_record())) is None
    assert withdrawal_of(evidence(stop, signature_ok=False)) is None
    assert withdrawal_of(evidence(stop, signer=ngo("kz"))) is None
    assert withdrawal_of(evidence(stop, signer=PARTY)) == Withdrawal(CONSENT_ID, PARTY, 2, GIVEN_MS + 1)


def test_a_version_may_continue_a_withdrawal_of_which_only_the_mark_is_left() -> None:
    """Party and collector spoke at once as version 2; version 3 continues the withdrawal, whose hash is gone."""
    first = consent_record()
    crossed = amended(first)
    stop = withdrawn(first)
    again = amended(stop, state=ConsentState.GIVEN, provisions=first.provisions)
    mark = withdrawal_of(evidence(stop))
    assert mark is not None
    assert ask(again, newest=(evidence(crossed),), withdrawals=(mark,)).permit
    assert ask(again, newest=(evidence(crossed),)).reasons == (Code.CHAIN_BROKEN,)
    for other in (dataclasses.replace(mark, version=1), dataclasses.replace(mark, consent_id=OTHER_ID)):
        assert Code.CHAIN_BROKEN in ask(again, newest=(evidence(crossed),), withdrawals=(other,)).reasons


def test_what_a_new_record_makes_needless() -> None:
    """A version that continues replaces all; a repeat and an older one say nothing; a contradiction is kept beside."""
    first = evidence(consent_record())
    second = evidence(amended(first.record))
    fork = evidence(amended(first.record, interpreter=False))
    third = evidence(amended(second.record))
    astray = evidence(amended(second.record, prev_hash=bytes(32)))
    other = evidence(consent_record(collected_by=ngo("kz")))
    assert made_needless(first, KnownConsent()) == ()
    assert made_needless(first, KnownConsent(newest=(first,))) is None
    assert made_needless(first, KnownConsent(newest=(second,))) is None
    assert made_needless(second, KnownConsent(newest=(other, first))) == (first.record_sha256,)
    assert made_needless(fork, KnownConsent(newest=(second,))) == ()
    assert made_needless(evidence(amended(first.record, method=UNKNOWN)), KnownConsent(newest=(second, fork))) is None
    both = (second.record_sha256, fork.record_sha256)
    assert made_needless(evidence(amended(fork.record)), KnownConsent(newest=(second, fork))) == both
    assert made_needless(astray, KnownConsent(newest=(second,))) == ()
    assert made_needless(astray, KnownConsent(newest=(first, second))) == (first.record_sha256,)
    assert made_needless(third, KnownConsent(newest=(first, second))) == (first.record_sha256, second.record_sha256)


def test_a_broken_chain_stays_broken_until_a_version_continues_it() -> None:
    """What contradicted it is remembered beside it."""
    second, fork = amended(consent_record()), amended(consent_record(), interpreter=False)
    known = (evidence(second), evidence(fork))
    assert ask(second, newest=known).reasons == (Code.CHAIN_BROKEN,)
    assert ask(amended(fork), newest=known).permit


def test_withdrawals_beyond_what_is_told_apart_become_one_that_stops_as_much() -> None:
    """Each organisation has room of its own; what was stopped stays stopped, and other marks stay as they are."""
    record = consent_record()
    other = withdrawal_of(evidence(withdrawn(record), signer=PARTY))
    assert other is not None
    marks: tuple[Withdrawal, ...] = (other,)
    for number in range(MOST_MARKS):
        marks = with_mark(marks, Withdrawal(CONSENT_ID, COLLECTOR, number, GIVEN_MS - number))
    assert len(marks) == 1 + MOST_MARKS
    marks = with_mark(marks, Withdrawal(CONSENT_ID, COLLECTOR, 5, GIVEN_MS + 7))
    assert set(marks) == {other, Withdrawal(CONSENT_ID, COLLECTOR, MOST_MARKS - 1, GIVEN_MS + 7)}
