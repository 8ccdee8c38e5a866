"""The rules of a gate for a disclosure without consent, and for its review."""

from __future__ import annotations

from collections.abc import Iterator

from refbus.core.consent.legal_basis import BasisClaim, Circumstances, invocation_problems, review_problems
from refbus.core.gate.rules import Matter
from refbus.core.vocabulary import EventType
from refbus.errors import Code


def emergency(case: Matter) -> Iterator[Code]:
    """Decide about a disclosure without consent: its own rules, and none of them asks for consent."""
    claim = case.presented.basis
    if claim is None:
        yield case.presented.basis_error or Code.LEGAL_BASIS_REQUIRED
        return
    yield from invocation_problems(claim, case.presented.block, _circumstances(case, claim))
    known = case.known.subject_ref if case.known else None
    if known not in {None, claim.record.subject_ref}:
        yield Code.DECLARATION_MISMATCH


def review(case: Matter) -> Iterator[Code]:
    """Let a review stand only on the signature of an officer who did not decide."""
    if case.presented.block.event_type is not EventType.EMERGENCY_REVIEWED:
        return
    claim = case.presented.basis
    if claim is None:
        yield case.presented.basis_error or Code.REVIEW_MISSING
        return
    yield from review_problems(claim, case.presented.block, _circumstances(case, claim))
    if case.known is not None and case.known.subject_ref != claim.record.subject_ref:
        yield Code.DECLARATION_MISMATCH


def _circumstances(case: Matter, claim: BasisClaim) -> Circumstances:
    """Weigh with the rules of the sender's country, at both gates alike."""
    policy = case.directory.policies.get(case.sender.country)
    return Circumstances(policy, case.view.denials(claim.record.subject_ref), case.now_ms)
