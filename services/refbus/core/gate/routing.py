"""What a gate does with an event: pure functions from what was presented and what is known to one verdict.

The order is fixed: seen before -> not for this gate, or over -> not yet -> every rule that it breaks -> forward.
A withdrawal takes effect with whatever verdict its record meets, and a cancellation while it waits:
docs/spec/lifecycle.md says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from refbus.core.consent.chain import has_room, made_needless
from refbus.core.consent.denials import matters
from refbus.core.consent.legal_basis import ReviewResult
from refbus.core.consent.record import ConsentState, Obligation, Withdrawal, withdrawal_of
from refbus.core.consent.rules import minor_until
from refbus.core.courses.facts import EventFact
from refbus.core.directory import DirectoryHistory
from refbus.core.gate import emergency, homeward, rules
from refbus.core.gate.passage import NodeView, Presented, Unread, event_identity
from refbus.core.gate.rules import Matter, Rule
from refbus.core.gate.verdicts import (
    About,
    AddDisclosure,
    AddReferralFact,
    BindConsent,
    Duplicate,
    Effect,
    Forward,
    Hold,
    MarkWithdrawn,
    Missing,
    NoteAnswer,
    Point,
    Quarantine,
    RecordConsent,
    Refuse,
    Verdict,
)
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import EventType
from refbus.errors import Code, MalformedError

_FINAL: tuple[Rule, ...] = (rules.passing, rules.in_time)
_RULES: tuple[Rule, ...] = (
    rules.sender_stands,
    rules.recipient_stands,
    rules.recipient_key,
    rules.parties,
    rules.number,
    rules.lifecycle,
    rules.taken_back,
    rules.purpose,
    rules.expected,
    homeward.departure,
    homeward.handover,
    homeward.travel_paper,
    rules.residency,
    rules.carried_record,
    rules.one_case,
    emergency.review,
)
_NOT_SAID = frozenset({Code.NOT_A_PARTY, Code.ROLE_NOT_ALLOWED, Code.DECLARATION_MISMATCH, Code.TOO_MANY_EVENTS})
"""Refusals after which the event does not count in its referral: its sender had no business to say it."""


def decide_egress(presented: Presented, view: NodeView, directories: DirectoryHistory, now_ms: int) -> Verdict:
    """Decide, at the gate of the sender's country, whether the event may leave. `now_ms`: the time that counts."""
    return _decide(Point.EGRESS, presented, view, directories, now_ms)


def decide_ingress(presented: Presented, view: NodeView, directories: DirectoryHistory, now_ms: int) -> Verdict:
    """Decide, at the gate of the recipient's country, whether the event goes into the recipient's inbox."""
    return _decide(Point.INGRESS, presented, view, directories, now_ms)


def decide_unread(unread: Unread, point: Point, view: NodeView) -> Verdict:
    """Decide about a record that did not open: a resend, not parseable, to be tried again, or not to be believed."""
    header = unread.header
    about = About(point, message_id=header.message_id if header else None)
    codes: tuple[Code, ...] = (unread.error.code,)
    if unread.resumed and unread.error.code is Code.MESSAGE_EXPIRED:
        codes = (Code.HOLD_EXPIRED, *codes)
    if not unread.resumed and view.record_seen(unread.record_sha256):
        return Duplicate(about)
    if header is not None and unread.error.code is Code.DIRECTORY_NEWER:
        missing = Missing(header.directory_version)
        return Hold(about, codes, header.expires_at_hour * HOUR_MS, unread.signer, missing=missing)
    if header is not None and unread.error.code is Code.CLOCK_SKEW:
        return Hold(about, codes, header.expires_at_hour * HOUR_MS, unread.signer)
    if isinstance(unread.error, MalformedError):
        return Quarantine(about, codes)
    return Refuse(about, codes, notify=unread.signer)


def _decide(point: Point, presented: Presented, view: NodeView, directories: DirectoryHistory, now_ms: int) -> Verdict:
    about = about_event(point, presented)
    sender = presented.block.sender
    if not presented.resumed and (
        view.record_seen(presented.record_sha256) or view.signed_seen(presented.signed_sha256)
    ):
        return Duplicate(about)
    seen = view.event_seen(sender, presented.block.event_id)
    if seen is not None and seen != event_identity(presented.block):
        return Duplicate(about, (Code.EVENT_ID_REUSED,), notify=sender)
    case = rules.matter(point, presented, view, directories, now_ms)
    if isinstance(case, Code):
        return Refuse(about, (case,), notify=sender)
    if rules.takes_anothers_id(case):
        return Duplicate(about, (Code.EVENT_ID_REUSED,), notify=sender)
    return _judge(case, about)


def _judge(case: Matter, about: About) -> Verdict:
    sender = case.presented.block.sender
    learnt = tuple(_learnt(case))
    final = _codes(case, *_FINAL)
    if final:
        return Refuse(about, final, sender, learnt)
    wait = _codes(case, rules.waiting)
    if wait:
        now = [_fact(case)] if rules.counts_while_it_waits(case, wait) else []
        return Hold(about, wait, case.expires_ms, sender, (*learnt, *now), rules.missing(case, wait))
    against, obligations = _permission(case)
    codes = {*_codes(case, *_RULES), *against}
    if codes:
        said = case.point is Point.INGRESS and codes.isdisjoint(_NOT_SAID)
        return Refuse(about, tuple(sorted(codes)), sender, (*learnt, *([_fact(case)] if said else [])))
    return _forward(case, about, learnt, obligations)


def _permission(case: Matter) -> tuple[tuple[Code, ...], tuple[Obligation, ...]]:
    """Return what stands against the event for want of consent, or of what takes its place, and what it obliges to."""
    if case.presented.block.event_type is EventType.EMERGENCY_INVOKED:
        return _codes(case, emergency.emergency), (Obligation.NOTIFY_SUBJECT,)
    if rules.needs_permit(case):
        decision = rules.consent(case)
        return decision.reasons, decision.obligations
    return _codes(case, rules.control), ()


def _codes(case: Matter, *each: Rule) -> tuple[Code, ...]:
    return tuple(sorted(set(chain.from_iterable(rule(case) for rule in each))))


def _forward(case: Matter, about: About, learnt: tuple[Effect, ...], obligations: tuple[Obligation, ...]) -> Forward:
    block = case.presented.block
    disclosure = AddDisclosure(block.referral_id, about.consent_id, block.sender, block.recipient)
    effects = (*learnt, *_bound(case), _fact(case), disclosure)
    return Forward(about, case.recipient.country, effects, obligations, loud=_loud(case))


def _loud(case: Matter) -> tuple[Code, ...]:
    """Return what nobody may overlook of an event that was let through."""
    claim, event_type = case.presented.basis, case.presented.block.event_type
    if event_type is EventType.EMERGENCY_INVOKED:
        return (Code.EMERGENCY_DISCLOSED,)
    if event_type is EventType.EMERGENCY_REVIEWED and claim is not None and claim.review is not None:
        return (Code.EMERGENCY_UPHELD if claim.review.result is ReviewResult.UPHELD else Code.EMERGENCY_NOT_UPHELD,)
    return ()


def _learnt(case: Matter) -> Iterator[Effect]:
    """Find what the consent record teaches, whatever becomes of the event: a no counts from the moment it is read."""
    evidence, known = case.presented.consent, case.known_consent
    if evidence is None or not evidence.authentic:
        return
    withdrawal = withdrawal_of(evidence)
    if withdrawal is None:
        needless = made_needless(evidence, known)
        if needless is not None and has_room(evidence, known):
            yield RecordConsent(evidence, needless)
        elif needless is not None and evidence.record.state is ConsentState.REFUSED:
            record = evidence.record  # beyond its room a no closes all that its signer has under this id
            yield MarkWithdrawn(Withdrawal(record.consent_id, evidence.signer, record.version, record.event_time_ms))
    elif withdrawal not in known.withdrawals:
        yield MarkWithdrawn(withdrawal)
    if matters(evidence.record):
        yield NoteAnswer(evidence.record, evidence.signer)


def _bound(case: Matter) -> Iterator[Effect]:
    """Bind the consent that an event relies on to the case of the event, the first time."""
    evidence = case.presented.consent
    if evidence is not None and not case.withdrawal and case.known_consent.case_handle is None:
        yield BindConsent(evidence.record.consent_id, case.presented.block.case_handle)


def _fact(case: Matter) -> AddReferralFact:
    block, evidence, basis = case.presented.block, case.presented.consent, case.presented.basis
    fact = EventFact(
        block.event_id,
        block.event_type,
        block.sender,
        block.recipient,
        block.previous,
        block.occurred_at_ms,
        priority=block.priority,
        respond_by_ms=block.respond_by_ms,
    )
    named = evidence or basis
    subject_ref = named.record.subject_ref if named else None
    of_age_ms = None if evidence is None else minor_until(evidence.record)
    minor = None if evidence is None else of_age_ms is not None
    return AddReferralFact(block.referral_id, block.case_handle, subject_ref, fact, minor, of_age_ms)


def about_event(point: Point, presented: Presented) -> About:
    """Return what the audit entry says of an event that could be read."""
    block, record = presented.block, presented.consent.record if presented.consent else None
    return About(
        point=point,
        message_id=presented.header.message_id,
        event_type=block.event_type,
        event_id=block.event_id,
        referral_id=block.referral_id,
        case_handle=block.case_handle,
        sender=block.sender,
        recipient=block.recipient,
        consent_id=record.consent_id if record else None,
        consent_version=record.version if record else None,
    )
