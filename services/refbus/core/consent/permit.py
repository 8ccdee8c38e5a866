"""The consent decision: deny unless permitted, one DENY wins, every reason reported. Pure and total.

It runs four times for each event: at the sender before sealing, at the gate of origin, at the gate of destination,
and at the recipient on opening. The same facts give the same answer everywhere. Specification: docs/spec/consent.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from refbus.core.consent.chain import newest_answers
from refbus.core.consent.coverage import coverage, denied
from refbus.core.consent.record import (
    ConsentRecord,
    ConsentState,
    Decision,
    Evidence,
    GrantorKind,
    KnownConsent,
    Obligation,
    Request,
    Withdrawal,
    withdrawal_of,
)
from refbus.core.consent.rules import Setting, are_members, in_force, minor_until, record_problems
from refbus.core.directory import CountryPolicy, Directory, OrgStatus
from refbus.core.ids import CountryCode, SubjectRef
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import Action, DataCategory, Purpose
from refbus.errors import Code


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What one record says to the request: nothing against it (no problems), or also against all others (blocks)."""

    record: ConsentRecord
    problems: frozenset[Code]
    blocks: bool
    valid_for_ms: int


def request_for(block: RoutingBlock, subject_ref: SubjectRef | None = None) -> Request:
    """Return what `block` asks consent for. A report back is about its sender, everything else about its recipient."""
    reporting = Action.REPORT_BACK in block.actions
    return Request(
        actions=frozenset(block.actions),
        purpose=block.purpose,
        categories=frozenset(block.data_categories),
        sender=block.sender,
        recipient=block.recipient,
        party=block.sender if reporting else block.recipient,
        subject_ref=subject_ref,
        legal_basis=block.legal_basis_record is not None,
    )


def decide(
    request: Request,
    records: Sequence[Evidence],
    directory: Directory,
    policy: CountryPolicy,
    now_ms: int,
    *,
    known: KnownConsent | None = None,
) -> Decision:
    """Decide whether `request` may happen at `now_ms` (UTC ms). Never raises; the order of `records` means nothing.

    `policy` is that of the country that decides. `known` is what its store remembers beyond `records`.
    """
    remembered = known or KnownConsent()
    setting = Setting(directory, policy, now_ms)
    evidence = (*records, *remembered.newest)
    authentic = [each for each in evidence if each.authentic]
    withdrawals = (*remembered.withdrawals, *filter(None, map(withdrawal_of, authentic)))
    problems = set(_request_problems(request, bool(evidence), setting))
    if len(authentic) < len(evidence):
        problems.add(Code.BAD_SIGNATURE)
    distinct = {each.record_sha256: each for each in authentic}
    verdicts = list(_verdicts(request, distinct.values(), withdrawals, setting))
    permits = [verdict for verdict in verdicts if not verdict.problems]
    if permits and not any(verdict.blocks for verdict in verdicts) and problems <= {Code.BAD_SIGNATURE}:
        best = max(
            permits, key=lambda verdict: (verdict.valid_for_ms, verdict.record.version, verdict.record.consent_id)
        )
        return _permit(request, best, setting)
    return _deny(problems, verdicts)


def _permit(request: Request, verdict: _Verdict, setting: Setting) -> Decision:
    record = verdict.record
    jurisdiction = setting.jurisdiction(record)
    obligations = []
    if minor_until(record) is not None:
        obligations.append(Obligation.ASK_AGAIN_AT_MAJORITY)
    if jurisdiction and jurisdiction.notify_subject and Action.DISCLOSE in request.actions:
        obligations.append(Obligation.NOTIFY_SUBJECT)
    return Decision(True, (), record.consent_id, record.version, verdict.valid_for_ms, tuple(obligations))


def _deny(problems: set[Code], verdicts: list[_Verdict]) -> Decision:
    reasons = sorted(problems.union(*(verdict.problems for verdict in verdicts)))
    only = verdicts[0].record if len(verdicts) == 1 else None
    return Decision(False, tuple(reasons), only.consent_id if only else None, only.version if only else None, 0, ())


def _request_problems(request: Request, any_record: bool, setting: Setting) -> Iterator[Code]:
    """Find what stands against the request whatever the records say."""
    if not any_record:
        yield Code.NO_CONSENT
    known_values = (
        are_members(Purpose, [request.purpose])
        and are_members(Action, request.actions)
        and are_members(DataCategory, request.categories)
    )
    if not known_values:
        yield Code.UNKNOWN_VALUE
    recipient = setting.directory.find(request.recipient)
    if recipient is None or recipient.status is not OrgStatus.ACTIVE:
        yield Code.RECIPIENT_REVOKED
    if not _countries(request, setting):
        yield Code.COUNTRY_NOT_COVERED
    if request.legal_basis:
        yield Code.LEGAL_BASIS_REQUIRED
    if setting.now_ms >= setting.directory.expires_at_ms:
        yield Code.VIEW_STALE


def _countries(request: Request, setting: Setting) -> frozenset[CountryCode]:
    party = setting.directory.find(request.party)
    return request.countries | ({party.country} if party else set())


def _verdicts(
    request: Request, authentic: Iterable[Evidence], withdrawals: Sequence[Withdrawal], setting: Setting
) -> Iterator[_Verdict]:
    """Judge the newest answer of each chain. A chain of which only the withdrawal is known has no other answer."""
    for record, broken, closed in newest_answers(authentic, withdrawals):
        problems = frozenset({Code.CHAIN_BROKEN}) if broken else frozenset[Code]()
        yield _judge(request, record, problems, closed, setting)


def _judge(
    request: Request, record: ConsentRecord, broken: frozenset[Code], closed: bool, setting: Setting
) -> _Verdict:
    concerns = _relation_problems(request, record)
    if closed:
        return _Verdict(record, concerns | {Code.WITHDRAWN}, blocks=False, valid_for_ms=0)
    if record.state is ConsentState.REFUSED:
        blocks = not concerns and in_force(record, setting.now_ms)
        return _Verdict(record, concerns | broken | {Code.REFUSED}, blocks, valid_for_ms=0)
    countries = _countries(request, setting)
    cover = coverage(request, countries, record.provisions, setting.now_ms)
    problems = concerns | broken | record_problems(record, setting) | cover.missing
    blocks = denied(request, countries, record.provisions, setting.now_ms) and in_force(record, setting.now_ms)
    if blocks:
        problems |= {Code.EXPLICIT_DENY}
    ends_ms = min(cover.until_ms, *_ends(record, setting))
    return _Verdict(record, problems, blocks and Code.SUBJECT_MISMATCH not in concerns, ends_ms - setting.now_ms)


def _ends(record: ConsentRecord, setting: Setting) -> Iterator[int]:
    """Yield the times (ms UTC) at which a permit of this record ends by itself or must be looked at again."""
    yield record.valid_until_ms
    yield setting.directory.expires_at_ms
    if record.grantor.authority_until_ms is not None and record.grantor.kind is not GrantorKind.SELF:
        yield record.grantor.authority_until_ms
    of_age_ms = minor_until(record)
    if of_age_ms is not None:
        yield of_age_ms


def _relation_problems(request: Request, record: ConsentRecord) -> frozenset[Code]:
    """Check that the record is about this person and these two organisations, in the direction of the action."""
    problems = set()
    if request.subject_ref is not None and request.subject_ref != record.subject_ref:
        problems.add(Code.SUBJECT_MISMATCH)
    out, back = (record.collected_by, record.party), (record.party, record.collected_by)
    ways = {out, back}
    if Action.DISCLOSE in request.actions:
        ways.discard(back)
    if Action.REPORT_BACK in request.actions:
        ways.discard(out)
    if (request.sender, request.recipient) not in ways or request.party != record.party:
        problems.add(Code.RECIPIENT_NOT_COVERED)
    return frozenset(problems)
