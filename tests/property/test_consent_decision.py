"""Properties of the consent decision (domain.md, end of section 5)."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.consent.permit import decide
from refbus.core.consent.record import (
    Assent,
    ConsentRecord,
    ConsentState,
    Effect,
    Evidence,
    Grantor,
    GrantorKind,
    Informed,
    KnownConsent,
    Method,
    NoticeRef,
    Provision,
    Request,
    withdrawal_of,
)
from refbus.core.ids import ConsentId, CountryCode, OrgId, SubjectRef
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import Action, DataCategory, Purpose
from refbus.errors import Code
from support.consents import (
    CATEGORIES,
    COLLECTOR,
    GIVEN_MS,
    PARTY,
    UNTIL_MS,
    amended,
    consent_record,
    deny,
    disclosure,
    evidence,
    provision,
    record_sha256,
    report,
    withdrawn,
)
from support.directories import NOTICE_ID, NOTICE_SHA256, NOW_MS, federation, second_ngo

FED = federation(("kz", "uz"))
POLICY = FED.directory.policies[CountryCode("kz")]

# Small worlds in which matches are frequent, with a few values that nobody knows.
NONSENSE: Any = "FROM_A_NEWER_SCHEMA"
TIMES = st.sampled_from((-1, 0, GIVEN_MS, NOW_MS - 1, NOW_MS, NOW_MS + 1, UNTIL_MS, 2**62))
ORGS = st.sampled_from((COLLECTOR, PARTY, second_ngo("uz"), OrgId("xx-n0b0dy00")))
COUNTRIES = st.sampled_from((CountryCode("kz"), CountryCode("uz"), CountryCode("xx")))
PURPOSES = st.sampled_from((Purpose.REFERRAL_SERVICES, Purpose.MEDICAL, NONSENSE))
ACTIONS = st.sampled_from((*Action, NONSENSE))
DATA = st.sampled_from((*CATEGORIES, DataCategory.HEALTH, NONSENSE))


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return a few of these values."""
    return st.lists(values, max_size=3, unique=True).map(tuple)


def mostly(usual: Any, others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return the usual value half of the time."""
    return st.one_of(st.just(usual), others)


PROVISIONS = st.builds(
    Provision,
    effect=mostly(Effect.PERMIT, st.sampled_from((Effect.DENY, NONSENSE))),
    purposes=mostly((Purpose.REFERRAL_SERVICES,), some(PURPOSES)),
    actions=mostly((Action.DISCLOSE, Action.REPORT_BACK), some(ACTIONS)),
    recipients=mostly((PARTY,), some(ORGS)),
    countries=mostly((CountryCode("uz"),), some(COUNTRIES)),
    data_categories=mostly(CATEGORIES, some(DATA)),
    onward_transfer=st.booleans(),
    from_ms=mostly(GIVEN_MS, TIMES),
    until_ms=mostly(UNTIL_MS, TIMES),
)
RECORDS = st.builds(
    ConsentRecord,
    schema_version=mostly(1, st.integers(-1, 2)),
    consent_id=st.sampled_from((ConsentId(b"a" * 16), ConsentId(b"b" * 16))),
    version=mostly(1, st.integers(-1, 4)),
    prev_hash=mostly(None, st.just(bytes(32))),
    subject_ref=st.sampled_from((SubjectRef(b"s" * 32), SubjectRef(b"t" * 32))),
    party=mostly(PARTY, ORGS),
    state=mostly(ConsentState.GIVEN, st.sampled_from((*ConsentState, NONSENSE))),
    event_time_ms=mostly(GIVEN_MS, TIMES),
    valid_from_ms=mostly(GIVEN_MS, TIMES),
    valid_until_ms=mostly(UNTIL_MS, TIMES),
    retain_until_ms=mostly(UNTIL_MS, TIMES),
    notice=mostly(NoticeRef(NOTICE_ID, NOTICE_SHA256, "uz"), st.just(NoticeRef("", b"", ""))),
    grantor=mostly(
        Grantor(GrantorKind.SELF),
        st.builds(
            Grantor,
            kind=st.sampled_from((*GrantorKind, NONSENSE)),
            authority_evidence=st.sampled_from((None, bytes(32))),
            authority_until_ms=st.one_of(st.none(), TIMES),
            conflict_checked=st.booleans(),
        ),
    ),
    majority_at_ms=mostly(None, TIMES),
    assent=mostly(Assent.NOT_REQUIRED, st.sampled_from((*Assent, NONSENSE))),
    method=mostly(Method.WRITTEN, st.just(NONSENSE)),
    interpreter=st.booleans(),
    informed=mostly(tuple(Informed), some(st.sampled_from((*Informed, NONSENSE)))),
    jurisdiction=mostly(CountryCode("kz"), COUNTRIES),
    collected_by=mostly(COLLECTOR, ORGS),
    withdrawal_contact=st.just(""),
    provisions=mostly((provision(),), st.lists(PROVISIONS, max_size=4).map(tuple)),
)
EVIDENCE = st.builds(
    lambda record, signer, ok: evidence(record, signer=signer, signature_ok=ok),
    RECORDS,
    mostly(None, ORGS),
    mostly(True, st.booleans()),
)
REQUESTS = st.builds(
    Request,
    actions=mostly(frozenset({Action.DISCLOSE}), some(ACTIONS).map(frozenset)),
    purpose=mostly(Purpose.REFERRAL_SERVICES, PURPOSES),
    categories=mostly(frozenset(CATEGORIES), some(DATA).map(frozenset)),
    sender=mostly(COLLECTOR, ORGS),
    recipient=mostly(PARTY, ORGS),
    party=mostly(PARTY, ORGS),
    countries=mostly(frozenset(), some(COUNTRIES).map(frozenset)),
    subject_ref=mostly(None, st.just(SubjectRef(b"s" * 32))),
    onward=mostly(False, st.booleans()),
    legal_basis=mostly(False, st.booleans()),
)
PROOFS = st.lists(EVIDENCE, max_size=4)


def permits(request: Request, proofs: list[Evidence], at: int = NOW_MS, known: KnownConsent | None = None) -> bool:
    """Decide, and check what holds for every decision."""
    decision = decide(request, proofs, FED.directory, POLICY, at, known=known)
    assert decision.permit == (not decision.reasons)
    assert list(decision.reasons) == sorted(set(decision.reasons))
    assert all(isinstance(reason, Code) for reason in decision.reasons)
    assert (decision.valid_for_ms > 0) == decision.permit
    if not decision.permit:
        assert decision.obligations == ()
    return decision.permit


@given(REQUESTS, PROOFS, TIMES, PROOFS)
@settings(deadline=None)
def test_any_input_gives_a_decision(request_: Request, proofs: list[Evidence], at: int, stored: list[Evidence]) -> None:
    """Total: nonsense values, negative times, whatever the store holds."""
    withdrawals = tuple(filter(None, map(withdrawal_of, stored)))
    permits(request_, proofs, at, KnownConsent(withdrawals, tuple(stored)))


@given(REQUESTS, PROOFS, TIMES)
@settings(deadline=None)
def test_a_permit_has_a_whole_reason(request_: Request, proofs: list[Evidence], at: int) -> None:
    """Default deny: where it is permitted there is a signed, given, valid record about exactly this pair and person."""
    decision = decide(request_, proofs, FED.directory, POLICY, at)
    if not decision.permit:
        return
    record = next(
        each.record
        for each in proofs
        if each.signature_ok
        and (each.record.consent_id, each.record.version) == (decision.consent_id, decision.version)
    )
    assert record.state is ConsentState.GIVEN
    assert record.valid_from_ms <= at < record.valid_until_ms
    assert {request_.sender, request_.recipient} == {record.collected_by, record.party}
    assert request_.subject_ref in {None, record.subject_ref}
    for category in request_.categories:
        assert any(
            each.effect is Effect.PERMIT and category in each.data_categories and request_.purpose in each.purposes
            for each in record.provisions
        )


@given(REQUESTS, st.data())
@settings(deadline=None)
def test_the_order_and_the_number_of_copies_mean_nothing(request_: Request, data: st.DataObject) -> None:
    """Permutation and duplication give the same decision, to the last field."""
    proofs = data.draw(PROOFS)
    mixed = data.draw(
        st.permutations(proofs + data.draw(st.lists(st.sampled_from(proofs), max_size=3)) if proofs else [])
    )
    first = decide(request_, proofs, FED.directory, POLICY, NOW_MS)
    again = decide(request_, mixed, FED.directory, POLICY, NOW_MS)
    assert (first.permit, first.reasons, first.valid_for_ms, first.obligations) == (
        again.permit,
        again.reasons,
        again.valid_for_ms,
        again.obligations,
    )


def with_provisions(proof: Evidence, provisions: tuple[Provision, ...]) -> Evidence:
    """Return the same word with other provisions."""
    return dataclasses.replace(proof, record=dataclasses.replace(proof.record, provisions=provisions))


@given(REQUESTS, EVIDENCE, PROVISIONS, PROOFS)
@settings(deadline=None)
def test_adding_a_deny_never_permits(
    request_: Request, proof: Evidence, added: Provision, others: list[Evidence]
) -> None:
    """A DENY more in a record can only turn a permit into a denial."""
    more = with_provisions(proof, (*proof.record.provisions, dataclasses.replace(added, effect=Effect.DENY)))
    if permits(request_, [more, *others]):
        assert permits(request_, [proof, *others])


@given(REQUESTS, EVIDENCE, PROVISIONS, PROOFS)
@settings(deadline=None)
def test_deleting_a_permit_never_permits(
    request_: Request, proof: Evidence, deleted: Provision, others: list[Evidence]
) -> None:
    """A PERMIT less in a record can only turn a permit into a denial, unless the deleted one was itself unreadable."""
    readable = dataclasses.replace(
        deleted,
        effect=Effect.PERMIT,
        purposes=tuple(each for each in deleted.purposes if each != NONSENSE),
        actions=tuple(each for each in deleted.actions if each != NONSENSE),
        data_categories=tuple(each for each in deleted.data_categories if each != NONSENSE),
        recipients=tuple(each for each in deleted.recipients if each == proof.record.party),
    )
    whole = with_provisions(proof, (*proof.record.provisions, readable))
    if permits(request_, [proof, *others]):
        assert permits(request_, [whole, *others])


@given(REQUESTS, PROOFS, ACTIONS, DATA, COUNTRIES)
@settings(deadline=None)
def test_widening_the_request_never_permits(
    request_: Request, proofs: list[Evidence], action: Any, category: Any, country: CountryCode
) -> None:
    """More actions, categories or countries, onward transfer, a legal basis: never from DENY to PERMIT."""
    wider = [
        dataclasses.replace(request_, categories=request_.categories | {category}),
        dataclasses.replace(request_, countries=request_.countries | {country}),
        dataclasses.replace(request_, onward=True),
        dataclasses.replace(request_, legal_basis=True),
    ]
    if request_.actions:
        wider.append(dataclasses.replace(request_, actions=request_.actions | {action}))
    for each in wider:
        if permits(each, proofs):
            assert permits(request_, proofs)


@given(
    st.lists(st.sampled_from(("given", "withdrawn by collector", "withdrawn by party")), min_size=1, max_size=6),
    st.data(),
)
@settings(deadline=None)
def test_any_interleaving_of_given_and_withdrawn_ends_the_same(said: list[str], data: st.DataObject) -> None:
    """Late, repeated, out of order: what was said last, by version and time, decides."""
    chain = [evidence(consent_record())]
    for word in said:
        last = chain[-1].record
        if word == "given":
            record = amended(last, state=ConsentState.GIVEN, provisions=(provision(),))
            chain.append(evidence(record))
        else:
            signer = PARTY if word.endswith("party") else COLLECTOR
            chain.append(evidence(withdrawn(last), signer=signer))
    arrived = data.draw(st.permutations(chain + data.draw(st.lists(st.sampled_from(chain), max_size=4))))
    cut = data.draw(st.integers(0, len(arrived)))
    stored = arrived[:cut]
    known = KnownConsent(tuple(filter(None, map(withdrawal_of, stored))), tuple(stored))
    assert permits(disclosure(), list(arrived[cut:]), known=known) == (said[-1] == "given")


@given(st.sets(st.integers(1, 6), min_size=1), st.integers(1, 7), st.integers(-1, 8))
@settings(deadline=None)
def test_a_withdrawal_covers_every_version_not_both_higher_and_later(
    versions: set[int], stopped_version: int, stopped_at: int
) -> None:
    """With any hole in the chain, a version is open exactly when it is higher than the withdrawal and said after it."""

    def said(version: int) -> ConsentRecord:
        before = None if version == 1 else record_sha256(said(version - 1))
        return consent_record(version=version, prev_hash=before, event_time_ms=GIVEN_MS + version)

    stop = withdrawn(
        consent_record(), version=stopped_version, event_time_ms=GIVEN_MS + stopped_at, prev_hash=bytes(32)
    )
    newest = max(versions)
    proofs = [evidence(said(version)) for version in versions]
    mark = withdrawal_of(evidence(stop))
    assert mark is not None
    known = KnownConsent((mark,))
    assert permits(disclosure(), proofs, known=known) == (newest > stopped_version and newest > stopped_at)


BOUNDS = st.integers(NOW_MS - 2, NOW_MS + 2)


@given(BOUNDS, BOUNDS, BOUNDS, BOUNDS)
@settings(deadline=None)
def test_every_interval_is_half_open_to_the_millisecond(begins: int, ends: int, opens: int, closes: int) -> None:
    """Record and provision count from their first millisecond and no longer at their end."""
    record = consent_record(
        valid_from_ms=begins, valid_until_ms=ends, provisions=(provision(from_ms=opens, until_ms=closes),)
    )
    expected = begins <= NOW_MS < ends and opens <= NOW_MS < closes
    assert permits(disclosure(), [evidence(record)]) == expected


@given(BOUNDS, BOUNDS)
@settings(deadline=None)
def test_a_deny_counts_exactly_in_its_interval(opens: int, closes: int) -> None:
    """A DENY outside its interval stops nothing, inside it everything."""
    record = consent_record(provisions=(provision(), deny(from_ms=opens, until_ms=closes)))
    assert permits(disclosure(), [evidence(record)]) == (not opens <= NOW_MS < closes)


@given(BOUNDS, BOUNDS, st.sampled_from((GrantorKind.PARENT, GrantorKind.LEGAL_GUARDIAN, GrantorKind.COURT_APPOINTED)))
@settings(deadline=None)
def test_a_guardian_s_word_ends_with_the_authority_or_at_majority(
    authority: int, majority: int, kind: GrantorKind
) -> None:
    """Whichever comes first, in the middle of the record's validity."""
    grantor = Grantor(kind, bytes(32), authority, conflict_checked=True)
    record = consent_record(grantor=grantor, majority_at_ms=majority, assent=Assent.GIVEN)
    assert permits(disclosure(), [evidence(record)]) == (authority > NOW_MS and majority > NOW_MS)


@given(BOUNDS)
@settings(deadline=None)
def test_a_child_that_comes_of_age_must_be_asked_again(majority: int) -> None:
    """Its own word counts when it was said at majority or later, at both directions of the road."""
    record = consent_record(majority_at_ms=majority, event_time_ms=NOW_MS, valid_from_ms=NOW_MS)
    for request_ in (disclosure(), report()):
        assert permits(request_, [evidence(record)]) == (majority <= NOW_MS)


@given(st.integers(-3, 3), st.sampled_from((-600_000, 600_000)))
@settings(deadline=None)
def test_clocks_may_differ_by_the_tolerance_and_no_more(beyond: int, difference: int) -> None:
    """A record from a collector whose clock is ahead is believed up to the tolerance; one behind never matters."""
    record = consent_record(event_time_ms=NOW_MS + difference + beyond)
    assert permits(disclosure(), [evidence(record)]) == (difference < 0 or beyond <= 0)


@given(st.integers(0, 2 * 365))
@settings(deadline=None)
def test_the_life_of_a_consent_is_bounded(days: int) -> None:
    """One year at most, by the policy of this federation."""
    record = consent_record(valid_until_ms=GIVEN_MS + days * DAY_MS)
    assert permits(disclosure(), [evidence(record)]) == (1 < days <= 365)
