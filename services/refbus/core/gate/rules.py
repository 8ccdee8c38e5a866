"""The rules that a gate applies to one event. Each finds every code against it; `routing` sets their order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import chain

from refbus.core.consent.legal_basis import BASIS_EVENTS
from refbus.core.consent.permit import decide, request_for
from refbus.core.consent.record import ConsentState, Decision, KnownConsent
from refbus.core.courses.course import BEGINS, CourseView, may_emit, rule_in, state_of
from refbus.core.courses.deadlines import expects_too_late
from refbus.core.courses.machine import Role
from refbus.core.directory import MEMBER_ROLES, CountryPolicy, Directory, DirectoryHistory, Organisation, OrgStatus
from refbus.core.gate.passage import KnownReferral, NodeView, Presented
from refbus.core.gate.residency import residency_problems
from refbus.core.gate.verdicts import Missing, Point
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import CONTROL_EVENTS, PURPOSE_OF, STOPS, EventType
from refbus.errors import Code

STOP_ORDERS = frozenset({EventType.CONSENT_WITHDRAWN, EventType.REFERRAL_CANCELLED, EventType.ENTERED_IN_ERROR})
"""What even a suspended organisation must still be told, and what takes no room from other events."""
TAKES_BACK = frozenset({EventType.REFERRAL_CANCELLED, EventType.ENTERED_IN_ERROR, EventType.REPATRIATION_ABORTED})
"""By which a sender ends a course of its own: what waits of it goes nowhere any more."""
_OVERTAKES = TAKES_BACK | {EventType.REPATRIATION_SUSPENDED}
_NEW_VERSIONS = frozenset({EventType.CONSENT_GRANTED, EventType.CONSENT_AMENDED})


MOST_EVENTS = 1_000
"""Events of one organisation that count in one referral; the longest that agencies know has some dozens."""
MOST_STOPS = 2_000
"""The same with what takes something back, which is not counted against the first."""


@dataclass(frozen=True, slots=True)
class Matter:
    """One event at one point of decision, and all that the rules look at. Members as the newest directory has them."""

    point: Point
    presented: Presented
    view: NodeView
    directory: Directory
    policy: CountryPolicy  # of this country
    superseded_ms: int | None  # when the directory version that the header names was replaced here
    sender: Organisation
    recipient: Organisation
    known: KnownReferral | None
    referral: CourseView
    known_consent: KnownConsent  # of the consent id that the event relies on
    now_ms: int  # the time that counts here

    @property
    def skew_ms(self) -> int:
        """How far clocks may differ here."""
        return self.policy.clock_skew_s * 1000

    @property
    def signed_ms(self) -> int:
        """The newest time that somebody signed for this event: its sender, or the gate of origin."""
        passed = self.presented.passed
        return max(self.presented.block.occurred_at_ms, passed.hour * HOUR_MS if passed else 0)

    @property
    def expires_ms(self) -> int:
        """When the envelope ends; a stop has at least a whole life from now, whatever its sender's clock said."""
        ends_ms = self.presented.header.expires_at_hour * HOUR_MS
        return max(ends_ms, self.now_ms + self.policy.max_message_life_hours * HOUR_MS) if self.stop else ends_ms

    @property
    def stop(self) -> bool:
        """Whether this takes something back: no clock stands in its way."""
        return self.presented.block.event_type in STOPS

    @property
    def withdrawal(self) -> bool:
        """Whether this is a withdrawal of consent: it waits for nothing."""
        return self.presented.block.event_type is EventType.CONSENT_WITHDRAWN

    @property
    def repeated(self) -> bool:
        """Whether this event already counts in its referral: it was sealed again."""
        facts = self.known.facts if self.known else ()
        return any(fact.event_id == self.presented.block.event_id for fact in facts)


def matter(
    point: Point, presented: Presented, view: NodeView, directories: DirectoryHistory, now_ms: int
) -> Matter | Code:
    """Gather what the rules need, or return the code that says why there is nothing to decide about."""
    latest, block = directories.latest, presented.block
    policy = latest.policies.get(view.country)
    if policy is None:
        return Code.DIRECTORY_INVALID
    sender, recipient = latest.find(block.sender), latest.find(block.recipient)
    if sender is None or recipient is None:
        return Code.ORGANISATION_UNKNOWN
    named = directories.at(presented.header.directory_version)
    known, evidence = view.referral(block.referral_id), presented.consent
    return Matter(
        point=point,
        presented=presented,
        view=view,
        directory=latest,
        policy=policy,
        superseded_ms=named.superseded_at_ms if named else None,
        sender=sender,
        recipient=recipient,
        known=known,
        referral=state_of(known.facts if known else ()),
        known_consent=view.consent(evidence.record.consent_id) if evidence else KnownConsent(),
        now_ms=now_ms,
    )


Rule = Callable[[Matter], Iterator[Code]]


def passing(case: Matter) -> Iterator[Code]:
    """Ask whether this gate is on the road of this event at all: countries, and the word of the gate of origin."""
    here = case.view.country
    if case.point is Point.EGRESS:
        if case.sender.country != here:
            yield Code.WRONG_COUNTRY
        return
    if case.presented.passed is None:
        yield Code.PASS_INVALID
    elif case.presented.passed.origin != case.sender.country or case.recipient.country != here:
        yield Code.WRONG_COUNTRY


def in_time(case: Matter) -> Iterator[Code]:
    """Refuse what is past its end or lives longer than its country allows, and a directory that is too old.

    All of it is by clocks, so none of it is for a stop.
    """
    if case.stop:
        return
    policy = case.directory.policies.get(case.sender.country, case.policy)
    if case.expires_ms <= case.now_ms:
        yield Code.MESSAGE_EXPIRED
        if case.presented.resumed:
            yield Code.HOLD_EXPIRED
    # One hour more: the end is in whole hours, and two honest clocks are minutes apart.
    if case.expires_ms > case.now_ms + (policy.max_message_life_hours + 1) * HOUR_MS:
        yield Code.MESSAGE_LIFE_TOO_LONG
    # A border that was closed for a week is no fault of the sender: what counts is when the gate of origin let it out.
    passed = case.presented.passed
    left_ms = passed.hour * HOUR_MS if passed else case.now_ms
    old = case.superseded_ms is not None and left_ms - case.superseded_ms > policy.directory_grace_hours * HOUR_MS
    if old and not case.presented.resumed and case.presented.block.event_type not in STOPS:
        yield Code.DIRECTORY_TOO_OLD


def waiting(case: Matter) -> Iterator[Code]:
    """Find what may be otherwise a little later: a newer directory, clocks apart, an earlier event that is held."""
    presented = case.presented
    newer = presented.header.directory_version > case.directory.version
    if newer and not (case.withdrawal and case.recipient.kem_key(presented.block.recipient_kid)):
        yield Code.DIRECTORY_NEWER
    if case.withdrawal:
        return
    if case.signed_ms - case.now_ms > case.skew_ms and not case.stop:
        yield Code.CLOCK_SKEW
    if case.now_ms >= case.directory.expires_at_ms and not case.stop:
        yield Code.VIEW_STALE
    answers_withdrawal = presented.block.event_type is EventType.WITHDRAWAL_ACKNOWLEDGED
    held = case.view.case_held(presented.block.case_handle, presented.block.sender)
    overtakes = presented.block.event_type in _OVERTAKES and _has_begun(case)
    if held and not answers_withdrawal and not overtakes and not presented.resumed:
        yield Code.CASE_HELD


def counts_while_it_waits(case: Matter, codes: Collection[Code]) -> bool:
    """Whether an event ends its course although it waits itself: behind the request, which is not to go any more."""
    ends = case.presented.block.event_type in TAKES_BACK and Code.CASE_HELD in codes
    return ends and not _has_begun(case) and not any(chain(sender_stands(case), parties(case), number(case)))


def taken_back(case: Matter) -> Iterator[Code]:
    """Refuse what has waited, or comes for the first time, after its own sender has taken the course back."""
    facts, block = case.known.facts if case.known else (), case.presented.block
    ended = any(fact.type in TAKES_BACK and fact.sender == block.sender for fact in facts)
    again = any(fact.type is EventType.REFERRAL_REOPENED for fact in facts)
    late = case.presented.resumed or (block.event_type in BEGINS and not case.repeated)
    if ended and not again and late and not case.stop:
        yield Code.STATE_NOT_ALLOWED


def _has_begun(case: Matter) -> bool:
    """Whether the event that begins the course was let through here."""
    return any(fact.type in BEGINS for fact in (case.known.facts if case.known else ()))


def missing(case: Matter, codes: Collection[Code]) -> Missing:
    """Return what an event that waits for these reasons waits for; an earlier event of its case is not said here.

    The time that its own signature names is exact.
    """
    version, at_ms = 0, 0
    if Code.DIRECTORY_NEWER in codes:
        version = case.presented.header.directory_version
    if Code.VIEW_STALE in codes:
        version = max(version, case.directory.version + 1)
    if Code.CLOCK_SKEW in codes:
        at_ms = case.signed_ms - case.skew_ms
    return Missing(version, at_ms)


def sender_stands(case: Matter) -> Iterator[Code]:
    """Look at the sender again: an event may have been held while its sender was suspended or lost a key."""
    if case.sender.role not in MEMBER_ROLES:
        yield Code.ROLE_NOT_ALLOWED
    if case.sender.status is not OrgStatus.ACTIVE:
        yield Code.ORGANISATION_SUSPENDED
    key = case.sender.signing_key(case.presented.block.sender_kid)
    if key is None:
        yield Code.KEY_UNKNOWN
    elif key.compromised_since_ms is not None:
        yield Code.KEY_REVOKED


def recipient_stands(case: Matter) -> Iterator[Code]:
    """Demand an active organisation. A suspended one is still told to stop."""
    if case.recipient.role not in MEMBER_ROLES:
        yield Code.ROLE_NOT_ALLOWED
    if case.recipient.status is OrgStatus.REMOVED:
        yield Code.RECIPIENT_REVOKED
    suspended = case.recipient.status is OrgStatus.SUSPENDED
    if suspended and case.presented.block.event_type not in STOP_ORDERS:
        yield Code.ORGANISATION_SUSPENDED


def recipient_key(case: Matter) -> Iterator[Code]:
    """Demand a key of the recipient that it still has: the private half outlives its term by life and grace."""
    key = case.recipient.kem_key(case.presented.block.recipient_kid)
    if key is None:
        yield Code.KEY_UNKNOWN
        return
    if key.revoked:
        yield Code.KEY_REVOKED
    life_hours = case.policy.max_message_life_hours if case.point is Point.INGRESS else 0
    kept_ms = (case.policy.directory_grace_hours + life_hours) * HOUR_MS
    if not key.not_before_ms - case.skew_ms <= case.now_ms < key.not_after_ms + kept_ms:
        yield Code.KEY_EXPIRED


def parties(case: Matter) -> Iterator[Code]:
    """Keep a referral between its two organisations and under its one case handle."""
    if case.withdrawal:
        return
    block, referral = case.presented.block, case.referral
    if referral.source is not None and {block.sender, block.recipient} != {referral.source, referral.target}:
        yield Code.NOT_A_PARTY
    if case.known is not None and case.known.case_handle != block.case_handle:
        yield Code.DECLARATION_MISMATCH


def takes_anothers_id(case: Matter) -> bool:
    """Whether the other party's event has this id: in the referral, which has each id once, it would take its place."""
    facts, block = case.known.facts if case.known else (), case.presented.block
    return any(fact.event_id == block.event_id and fact.sender != block.sender for fact in facts)


def number(case: Matter) -> Iterator[Code]:
    """Bound what one organisation makes a gate remember, and compute with, of one referral."""
    said = sum(fact.sender == case.presented.block.sender for fact in (case.known.facts if case.known else ()))
    if said >= (MOST_STOPS if case.stop else MOST_EVENTS) and not case.repeated:
        yield Code.TOO_MANY_EVENTS


def role_of_sender(case: Matter) -> Role:
    """Return what the sender is in the referral; in one that is not known yet, whoever may send this is that."""
    rule = rule_in(case.referral, case.presented.block.event_type)
    assumed = Role.SOURCE if rule is None or Role.SOURCE in rule.emitters else Role.TARGET
    return case.referral.role_of(case.presented.block.sender) or assumed


def lifecycle(case: Matter) -> Iterator[Code]:
    """Enforce who may say what: at egress in the state that is seen here, at ingress by role only, however late."""
    codes = may_emit(case.referral, role_of_sender(case), case.presented.block.event_type)
    if case.point is Point.INGRESS or case.repeated:
        codes = tuple(code for code in codes if code is not Code.STATE_NOT_ALLOWED)
    yield from codes


def purpose(case: Matter) -> Iterator[Code]:
    """Hold an event to the one purpose that it may be sent for, so that consent to another does not cover it."""
    needed = PURPOSE_OF.get(case.presented.block.event_type)
    if needed is not None and case.presented.block.purpose is not needed:
        yield Code.PURPOSE_MISMATCH


def expected(case: Matter) -> Iterator[Code]:
    """Let no word of the road leave that sets no timer. At ingress the person is on the way: nothing is held up."""
    block = case.presented.block
    late = expects_too_late(block.event_type, block.occurred_at_ms, block.respond_by_ms)
    if late and case.point is Point.EGRESS:
        yield Code.EXPECTED_TIME_INVALID


def control(case: Matter) -> Iterator[Code]:
    """Let events that need no permit pass only without data, and only between those whom the ledger knows."""
    block = case.presented.block
    if block.data_categories:
        yield Code.DECLARATION_MISMATCH
    if case.withdrawal:
        yield from _withdrawal(case)
        if case.point is Point.INGRESS:
            return  # the gate of origin asked its ledger; nothing that this node has forgotten may stop a withdrawal
    if block.event_type in _NEW_VERSIONS:
        yield from _new_version(case)
    if not {block.sender, block.recipient} <= set(case.view.disclosed(block.referral_id)):
        yield Code.NOT_A_PARTY


def _new_version(case: Matter) -> Iterator[Code]:
    """Demand the signed record that the event tells of: a yes for ConsentGranted, and never a withdrawal."""
    evidence, block = case.presented.consent, case.presented.block
    if evidence is None:
        yield Code.NO_CONSENT
        return
    granted = block.event_type is EventType.CONSENT_GRANTED
    state = evidence.record.state
    if state is ConsentState.WITHDRAWN or (granted and state is not ConsentState.GIVEN):
        yield Code.DECLARATION_MISMATCH
    if (block.sender, block.recipient) != (evidence.record.collected_by, evidence.record.party):
        yield Code.NOT_A_PARTY


def _withdrawal(case: Matter) -> Iterator[Code]:
    """Demand the signed withdrawal itself, made between these two organisations."""
    evidence, block = case.presented.consent, case.presented.block
    if evidence is None:
        yield Code.NO_CONSENT
        return
    if evidence.record.state is not ConsentState.WITHDRAWN:
        yield Code.DECLARATION_MISMATCH
    if {block.sender, block.recipient} != {evidence.record.collected_by, evidence.record.party}:
        yield Code.NOT_A_PARTY


def carried_record(case: Matter) -> Iterator[Code]:
    """Refuse a record that is not what it says in any event, so that no event can carry something else in its place."""
    presented = case.presented
    if presented.consent_error is not None:
        yield presented.consent_error
    if presented.consent is not None and not presented.consent.authentic:
        yield Code.BAD_SIGNATURE
    if presented.block.legal_basis_record is not None and presented.block.event_type not in BASIS_EVENTS:
        yield Code.LEGAL_BASIS_REQUIRED


def one_case(case: Matter) -> Iterator[Code]:
    """Let a consent serve the one case for which it was given. A withdrawal counts wherever it comes."""
    handle, bound = case.presented.block.case_handle, case.known_consent.case_handle
    of_its_referral = case.known is None or case.known.case_handle == handle  # else `parties` says it
    if of_its_referral and not case.withdrawal and bound not in {None, handle}:
        yield Code.SUBJECT_MISMATCH


def residency(case: Matter) -> Iterator[Code]:
    """Keep at home what this country keeps at home. At ingress nothing leaves, so only the origin can object."""
    yield from residency_problems(case.policy, case.presented.block.data_categories, case.recipient.country)


def needs_permit(case: Matter) -> bool:
    """Return whether the event carries anything about the person, so that consent must cover it."""
    return case.presented.block.event_type not in CONTROL_EVENTS


def consent(case: Matter) -> Decision:
    """Decide on the record that rides in the event, together with what the store remembers of its consent id."""
    evidence = case.presented.consent
    request = request_for(case.presented.block, case.known.subject_ref if case.known else None)
    records = [evidence] if evidence else []
    return decide(request, records, case.directory, case.policy, case.now_ms, known=case.known_consent)
