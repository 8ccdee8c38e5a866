"""What gates do with an emergency disclosure: both decide by its own rules, loudly; consent is not asked."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.consent.legal_basis import Protects, ReviewResult
from refbus.core.consent.record import Obligation
from refbus.core.gate.passage import Presented
from refbus.core.gate.verdicts import Forward, Refuse, Verdict
from refbus.core.ids import SubjectRef
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import DataCategory, EventType, Residency
from refbus.errors import Code
from support.consents import SUBJECT, consent_record
from support.directories import NOW_MS, Federation
from support.emergencies import (
    INVOKED_MS,
    NEEDED,
    claim_of,
    emergency,
    invocation,
    record,
    review_block,
    reviewed,
)
from support.passages import MemoryNode, block, passed, presented
from support.roads import FED, E, into, out, stop

ON = FED.with_policy("kz", emergency_disclosure=True)


def both(event: Presented, fed: Federation = ON, **nodes: MemoryNode) -> tuple[Verdict, Verdict]:
    """Return what the gates of kz and uz decide about an event out of kz."""
    first = out(event, fed, node=nodes.get("kz"))
    return first, into(passed(event), fed, node=nodes.get("uz"))


def known() -> tuple[MemoryNode, MemoryNode]:
    """Return both gates after the disclosure."""
    kz, uz = MemoryNode("kz"), MemoryNode("uz")
    assert all(isinstance(verdict, Forward) for verdict in both(emergency(), kz=kz, uz=uz))
    return kz, uz


def test_both_gates_let_it_through_and_say_so_aloud() -> None:
    """No consent is asked, the person is to be told, and the audit entry has the code."""
    for verdict in both(emergency()):
        assert isinstance(verdict, Forward)
        assert verdict.obligations == (Obligation.NOTIFY_SUBJECT,)
        assert verdict.loud == (Code.EMERGENCY_DISCLOSED,)


def test_it_is_off_unless_the_senders_country_says_otherwise() -> None:
    """The recipient's country cannot switch it on for another."""
    other = FED.with_policy("uz", emergency_disclosure=True)
    for fed in (FED, other):
        assert [verdict.codes for verdict in both(emergency(), fed)] == [(Code.EMERGENCY_OFF,)] * 2


def test_without_its_record_it_does_not_leave() -> None:
    """Missing, or not readable: the code says which."""
    bare = dataclasses.replace(emergency(), basis=None)
    assert out(bare, ON).codes == (Code.LEGAL_BASIS_REQUIRED,)
    damaged = dataclasses.replace(bare, basis_error=Code.NOT_CANONICAL)
    assert into(passed(damaged), ON).codes == (Code.NOT_CANONICAL,)


@pytest.mark.parametrize(
    "kind", [kind for kind in EventType if kind not in {E.EMERGENCY_INVOKED, E.EMERGENCY_REVIEWED}]
)
def test_no_other_event_rides_on_it(kind: EventType) -> None:
    """An emergency opens its own event and nothing else."""
    event = dataclasses.replace(presented(block(kind, legal_basis_record=b"x")), basis=claim_of())
    assert Code.LEGAL_BASIS_REQUIRED in out(event, ON).codes


def test_what_a_gate_knows_of_a_refusal_stops_it() -> None:
    """The withdrawal came to both gates in another course; each of them remembers it of the person."""
    kz, uz = MemoryNode("kz"), MemoryNode("uz")
    assert isinstance(out(node=kz), Forward)
    assert isinstance(into(node=uz), Forward)
    out(stop(), node=kz)
    into(passed(stop()), node=uz)
    assert [verdict.codes for verdict in both(emergency(), kz=kz, uz=uz)] == [(Code.DENIED_BY_PERSON,)] * 2
    another = emergency(
        claim_of(record(protects=Protects.ANOTHER, incapacity=None)), invocation(event_id=bytes(15) + b"a")
    )
    assert all(isinstance(verdict, Forward) for verdict in both(another, kz=kz, uz=uz))


def test_a_refusal_that_nobody_signed_is_not_remembered() -> None:
    """A forged no must not keep help away."""
    kz = MemoryNode("kz")
    forged = dataclasses.replace(stop(), consent=None)
    out(forged, node=kz)
    said = stop().consent
    assert said is not None
    out(dataclasses.replace(stop(), consent=dataclasses.replace(said, signature_ok=False)), node=kz)
    assert isinstance(out(emergency(), ON, node=kz), Forward)


def test_biometrics_that_may_not_leave_do_not_leave() -> None:
    """What a country keeps at home stays there in an emergency too."""
    policy = ON.directory.policies[consent_record().jurisdiction]
    residency = {**policy.residency, DataCategory.HEALTH: Residency.LOCAL_ONLY}
    fed = ON.with_policy("kz", residency=residency)
    assert out(emergency(), fed).codes == (Code.RESIDENCY_FORBIDDEN,)


def test_at_its_end_it_is_refused_on_the_way() -> None:
    """It left in time, and came to the border too late."""
    over_ms = INVOKED_MS + 24 * HOUR_MS
    late = into(passed(emergency(), hour=NOW_MS // HOUR_MS), ON, over_ms)
    assert isinstance(late, Refuse)
    assert late.codes == (Code.EMERGENCY_OVER,)


def review(result: ReviewResult = ReviewResult.UPHELD, **changes: Any) -> Presented:
    """Return the review as a gate has it in hand."""
    return emergency(reviewed(result, **changes), review_block())


@pytest.mark.parametrize(
    ("result", "code"),
    [(ReviewResult.UPHELD, Code.EMERGENCY_UPHELD), (ReviewResult.NOT_UPHELD, Code.EMERGENCY_NOT_UPHELD)],
)
def test_the_review_passes_and_is_heard(result: ReviewResult, code: Code) -> None:
    """Whatever it found, also after the end of the disclosure."""
    kz, uz = known()
    for verdict in both(review(result), kz=kz, uz=uz):
        assert isinstance(verdict, Forward)
        assert verdict.loud == (code,)


def test_a_review_needs_its_record_and_its_disclosure() -> None:
    """Without a signed review, about another person, or of something that never passed here."""
    kz, _ = known()
    bare = dataclasses.replace(review(), basis=None)
    assert out(bare, ON, node=kz).codes == (Code.REVIEW_MISSING,)
    unsigned = emergency(claim_of(), review_block(event_id=bytes(15) + b"u"))
    assert out(unsigned, ON, node=kz).codes == (Code.REVIEW_MISSING,)
    other = reviewed(record=record(subject_ref=SubjectRef(bytes(32))))
    assert out(emergency(other, review_block(event_id=bytes(15) + b"o")), ON, node=kz).codes == (
        Code.DECLARATION_MISMATCH,
    )
    assert Code.NOT_A_PARTY in out(review(), ON).codes


def test_the_person_of_a_course_stays_the_same() -> None:
    """A second disclosure in the same course cannot be about somebody else."""
    kz, _ = known()
    facts = kz.referrals[record().referral_id]
    assert facts.subject_ref == SUBJECT
    again = emergency(claim_of(record(subject_ref=SubjectRef(bytes(32)))), invocation(event_id=bytes(15) + b"2"))
    assert Code.DECLARATION_MISMATCH in out(again, ON, node=kz).codes


def test_consent_does_not_replace_the_officers() -> None:
    """A record that permits everything does not make up for a missing officer."""
    event = dataclasses.replace(emergency(claim_of(signed_by=())), consent=presented().consent)
    assert out(event, ON).codes == (Code.OFFICERS_MISSING,)


def test_an_ordinary_event_after_it_needs_consent_as_ever() -> None:
    """The emergency opened one event; a referral of the same person is decided by consent."""
    kz, _ = known()
    ordinary = dataclasses.replace(presented(block(data_categories=NEEDED)), consent=None)
    assert Code.NO_CONSENT in out(ordinary, ON, node=kz).codes
