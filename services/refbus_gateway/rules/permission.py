"""The consent decision at the sender and at the recipient, on all records that are kept here of the two."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refbus.core.consent.permit import decide, request_for
from refbus.core.consent.record import ConsentRecord, ConsentState, Decision, Evidence, Request
from refbus.core.directory import Directory
from refbus.core.ids import OrgId, SubjectRef
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import CONTROL_EVENTS, EventType
from refbus.errors import Code, ConsentError, UncheckableError
from refbus.said import said
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import practice
from refbus_gateway.store import cases, consents, tellings
from refbus_gateway.store.cases import Case
from refbus_gateway.store.consents import Kept
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.tellings import Kind


@dataclass(frozen=True, slots=True)
class Permit:
    """A decision that permits, and the signed record (exact bytes) that travels with the event."""

    decision: Decision
    record: bytes


def between(tx: Transaction, case: Case, one: OrgId, other: OrgId) -> list[Kept]:
    """Return the records of a case that are about exactly these two organisations."""
    pair = {one, other}
    return [kept for kept in consents.of_case(tx, case) if {kept.signed.record.party, _collector(kept)} == pair]


def newest_records(tx: Transaction, case: Case) -> dict[OrgId, ConsentRecord]:
    """Return the newest record about each organisation of a case, whoever signed it."""
    records = (kept.signed.record for kept in consents.of_case(tx, case))
    return {each.party: each for each in sorted(records, key=lambda each: (each.event_time_ms, each.version))}


def weighed(gateway: Gateway, kept: Kept, directory: Directory) -> Evidence:
    """Return a record of this store as evidence.

    A no was checked when it came in, and does not end with the key of its signer: a key that is revoked later takes
    back what it permitted, and nothing that it stopped.
    """
    evidence = gateway.evidence.evidence_of(kept.raw, directory)
    given = evidence.record.state is ConsentState.GIVEN
    return evidence if given else dataclasses.replace(evidence, signature_ok=True)


def require_permit(gateway: Gateway, tx: Transaction, case: Case, block: RoutingBlock) -> Permit:
    """Return what permits `block`. Raises ConsentError with every reason; UncheckableError VIEW_STALE when only that.

    Denials that stay here (the person named organisations that must never know) count before any record, and so does a
    no that could not be signed yet. A directory that has expired permits nothing, and keeps no reason from being found.
    """
    kept = between(tx, case, block.sender, block.recipient)
    subject = _subject_ref(tx, case, gateway, block)
    request = request_for(block, subject if kept else None)
    records = kept or consents.of_case(tx, case)
    directory = gateway.view()
    evidence = [weighed(gateway, each, directory) for each in records]
    decision = decide(request, evidence, directory, gateway.rules(), gateway.now_ms())
    reasons = set(decision.reasons)
    if _is_unsigned_no(tx, case, {block.sender, block.recipient}):
        reasons.add(Code.WITHDRAWN)
    body = _body_of(tx, case)
    if block.recipient in _denied(body):
        reasons.add(Code.EXPLICIT_DENY)
    if block.sender == gateway.me and case.own and practice.mixes(body, directory.find(block.recipient)):
        reasons.add(Code.PRACTICE_ONLY)
    if reasons == {Code.VIEW_STALE}:
        raise UncheckableError(Code.VIEW_STALE)
    reasons.discard(Code.VIEW_STALE)  # what else speaks against it does so under any directory
    if reasons:
        refused = [] if Code.CATEGORY_NOT_COVERED not in reasons else _uncovered(gateway, request, evidence, directory)
        raise ConsentError(
            tuple(sorted(reasons)), said("not agreed to: %(codes)s", codes=", ".join(refused)) if refused else ""
        )
    return Permit(decision, _record_of(records, evidence, decision))


def _uncovered(gateway: Gateway, request: Request, evidence: list[Evidence], directory: Directory) -> list[str]:
    """Return the kinds of data in a request that no record covers by themselves."""
    found = []
    for category in sorted(request.categories):
        alone = dataclasses.replace(request, categories=frozenset({category}))
        decision = decide(alone, evidence, directory, gateway.rules(), gateway.now_ms())
        found += [str(category)] if Code.CATEGORY_NOT_COVERED in decision.reasons else []
    return found


def _is_unsigned_no(tx: Transaction, case: Case, pair: set[OrgId]) -> bool:
    return any(
        row.org in pair and row.kind is not Kind.VERSION and not row.signed for row in tellings.of_case(tx, case)
    )


def needs_permit(block: RoutingBlock) -> bool:
    """Whether consent must permit this event; control events are exempt by their closed form, emergencies by theirs."""
    return block.event_type not in CONTROL_EVENTS and block.event_type is not EventType.EMERGENCY_INVOKED


def denied_recipients(tx: Transaction, case: Case) -> frozenset[OrgId]:
    """Return the organisations that the person does not want to know anything. This list never leaves the home."""
    return _denied(_body_of(tx, case))


def _body_of(tx: Transaction, case: Case) -> Mapping[str, Any]:
    return cases.body_of(tx, case) if case.own and case.live else {}


def _denied(body: Mapping[str, Any]) -> frozenset[OrgId]:
    return frozenset(OrgId(org) for org in body.get("denied_recipients", ()))


def _record_of(records: list[Kept], evidence: list[Evidence], decision: Decision) -> bytes:
    for kept, each in zip(records, evidence, strict=True):
        record = each.record
        same = (record.consent_id, record.version) == (decision.consent_id, decision.version)
        if same and record.state is ConsentState.GIVEN:
            return kept.raw
    raise ConsentError((Code.NO_CONSENT,))


def _subject_ref(tx: Transaction, case: Case, gateway: Gateway, block: RoutingBlock) -> SubjectRef | None:
    other = block.recipient if block.sender == gateway.me else block.sender
    party = cases.party_with(tx, case, other)
    return None if party is None else party.subject_ref


def _collector(kept: Kept) -> OrgId:
    return kept.signed.record.collected_by
