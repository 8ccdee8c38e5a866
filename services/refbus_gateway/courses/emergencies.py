"""Emergency disclosure at an office: two officers decide, a third reviews, the recipient sees it until it ends.

It is not consent and never becomes one. The rules are in `core.consent.legal_basis`; they are asked before sealing, at
both gates, when it comes in, and each time that it is shown.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from refbus.core.consent.legal_basis import (
    SCHEMA_VERSION,
    Ground,
    Incapacity,
    LegalBasisRecord,
    Protects,
    Review,
    ReviewResult,
)
from refbus.core.ids import OrgId, ReferralId
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import DataCategory, EventType, Priority, Purpose
from refbus.crypto.framing import sha256
from refbus.crypto.signing import SigningPair
from refbus.envelope.legal_basis import sign_basis, sign_review
from refbus.errors import Code, RuleError
from refbus.said import said
from refbus.wire.legal_basis import SignedRoll, decode_signed, encode_signed
from refbus.wire.payload import categories_of
from refbus_gateway.cases import casework
from refbus_gateway.cases.withheld import without
from refbus_gateway.forms.problems import Problems
from refbus_gateway.forms.values import check_text
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import envelopes
from refbus_gateway.outbox.envelopes import Draft, Terms
from refbus_gateway.rules import age_check, course_state, protection
from refbus_gateway.store import cases, referrals
from refbus_gateway.store.cases import Case
from refbus_gateway.store.referrals import Event, Referral
from refbus_gateway.store.session import Transaction

_FROM_CASE: Final = (
    *("fictional", "person", "location", "health", "safe_contact", "risk", "responsible_worker_role"),
    "reference",
)
_ALWAYS: Final = DataCategory.SERVICE_NEEDS
"""What must be done at once is told in any emergency."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the two officers decided. `categories` beyond what must be done at once; `hours` until it ends."""

    recipient: OrgId
    ground: Ground
    protects: Protects
    incapacity: Incapacity | None
    categories: Collection[DataCategory]
    hours: int
    needed_now: str


def invoke(
    gateway: Gateway,
    tx: Transaction,
    case: Case,
    decision: Decision,
    word: tuple[SignedRoll, tuple[SigningPair, ...]],
) -> Referral:
    """Disclose the least of an own case to one organisation, on the word of two officers.

    Help is not refused for a doubt about the age: then nothing says that the person is no child, and a person here is
    told. Raises CaseInvalidError for a text that says nothing, ConsentError with every rule that it breaks, RuleError,
    UncheckableError ORGANISATION_UNKNOWN.
    """
    problems = Problems()
    problems.refuse_placeholders({"needed_now": decision.needed_now})
    check_text(decision.needed_now, "needed_now", problems)
    problems.raise_if_any()
    org = decision.recipient
    now_ms, policy = gateway.now_ms(), gateway.policy()
    party = cases.counterpart(tx, case, org)
    known = casework.file_of(gateway, tx, case).fields
    protection.require_no_embassy(gateway, org, known)
    doubt = age_check.doubt_of(known, age_check.rules_here(gateway), now_ms)
    fields = _least(age_check.protective(known, doubt), decision)
    referral_id = ReferralId(secrets.token_bytes(16))
    record = LegalBasisRecord(
        schema_version=SCHEMA_VERSION,
        basis_id=secrets.token_bytes(16),
        referral_id=referral_id,
        case_handle=party.case_handle,
        subject_ref=party.subject_ref,
        organisation=gateway.me,
        recipient=org,
        ground=decision.ground,
        protects=decision.protects,
        incapacity=decision.incapacity,
        data_categories=tuple(sorted(categories_of(EventType.EMERGENCY_INVOKED, fields))),
        invoked_at_ms=now_ms,
        valid_until_ms=now_ms + decision.hours * HOUR_MS,
        review_by_ms=now_ms + policy.emergency_review_hours * HOUR_MS,
    )
    roll, officers = word
    referral = referrals.create(tx, party, referral_id, own=True, now_ms=now_ms)
    age_check.tell_doubt(gateway, tx, referral.id, doubt)
    purpose = Purpose.MEDICAL if decision.ground is Ground.MEDICAL_EMERGENCY else Purpose.REFERRAL_SERVICES
    terms = Terms(purpose, Priority.EMERGENCY, record.review_by_ms)
    each_once = tuple({officer.kid: officer for officer in officers}.values())
    basis = encode_signed(sign_basis(record, roll, each_once))
    envelopes.send(gateway, tx, referral, Draft(EventType.EMERGENCY_INVOKED, fields, terms, legal_basis=basis))
    return referral


def review(gateway: Gateway, tx: Transaction, number: int, result: ReviewResult, officer: SigningPair) -> Event:
    """Report what an officer who did not decide found. Raises ConsentError REVIEWER_NOT_INDEPENDENT, RuleError."""
    referral = referrals.get(tx, number)
    began = course_state.beginning_of(referrals.events_of(tx, referral))
    if began is None or began.block.legal_basis_record is None:
        raise RuleError(Code.STATE_NOT_ALLOWED, said("only an emergency disclosure is reviewed"))
    signed = decode_signed(began.block.legal_basis_record)
    found = Review(officer.kid, result, gateway.now_ms())
    reviewed = dataclasses.replace(signed, review=sign_review(signed, found, officer))
    fields = {
        "result": result.value,
        "basis_sha256": sha256(signed.record_bytes),
        "reviewed_at_ms": found.at_ms,
    }
    terms = Terms(began.block.purpose, Priority.EMERGENCY)
    draft = Draft(EventType.EMERGENCY_REVIEWED, fields, terms, legal_basis=encode_signed(reviewed))
    return envelopes.send(gateway, tx, referral, draft)


def _least(fields: Mapping[str, Any], decision: Decision) -> dict[str, Any]:
    """Return what the officers named of a case file, and nothing else."""
    named = {_ALWAYS, *decision.categories}
    taken = {name: fields[name] for name in _FROM_CASE if name in fields}
    said = {**taken, "needed_now": decision.needed_now}
    return without(EventType.EMERGENCY_INVOKED, said, frozenset(DataCategory) - named)
