"""What a person has refused, as far as a node knows: it stands against an emergency disclosure (domain notes 2.4).

Only the newest answer and the newest withdrawal of each consent id matter, so every order of arrival gives the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from refbus.core.consent import ConsentRecord, ConsentState, Effect, GrantorKind, Provision
from refbus.core.ids import OrgId
from refbus.core.vocabulary import Action, DataCategory


@dataclass(frozen=True, slots=True)
class Denials:
    """The newest answers (given or refused) and the newest withdrawals about one person between two organisations."""

    answers: tuple[ConsentRecord, ...] = ()
    withdrawals: tuple[ConsentRecord, ...] = ()


def matters(record: ConsentRecord) -> bool:
    """Whether a record says a no, or may lift an earlier one; a first plain yes does neither."""
    return (
        record.version > 1 or record.state is not ConsentState.GIVEN or any(map(_stops_disclosure, record.provisions))
    )


def note(known: Denials, record: ConsentRecord) -> Denials:
    """Return what is known once `record`, whose signatures were checked, has been read."""
    if record.state is ConsentState.WITHDRAWN:
        return replace(known, withdrawals=_newest(known.withdrawals, record))
    return replace(known, answers=_newest(known.answers, record))


def denies(known: Denials, recipient: OrgId, categories: frozenset[DataCategory], now_ms: int) -> bool:
    """Return whether an adult who could decide has refused that `recipient` is told any of `categories`."""
    taken_back = (each for each in known.withdrawals if each.party == recipient)
    if any(_competent(each) and not _lifted(each, known) for each in taken_back):
        return True
    return any(_competent(each) and _refuses(each, recipient, categories, now_ms) for each in known.answers)


def _newest(records: tuple[ConsentRecord, ...], record: ConsentRecord) -> tuple[ConsentRecord, ...]:
    newest = {each.consent_id: each for each in records}
    newest[record.consent_id] = max(newest.get(record.consent_id, record), record, key=_rank)
    return tuple(newest[consent_id] for consent_id in sorted(newest))


def _rank(record: ConsentRecord) -> tuple[int, int, str]:
    return record.version, record.event_time_ms, repr(record)


def _competent(record: ConsentRecord) -> bool:
    """Whether the person spoke for himself or herself, and was of age."""
    of_age = record.majority_at_ms is None or record.event_time_ms >= record.majority_at_ms
    return record.grantor.kind is GrantorKind.SELF and of_age


def _lifted(withdrawal: ConsentRecord, known: Denials) -> bool:
    return any(
        answer.consent_id == withdrawal.consent_id
        and answer.version > withdrawal.version
        and answer.event_time_ms > withdrawal.event_time_ms
        for answer in known.answers
    )


def _refuses(record: ConsentRecord, recipient: OrgId, categories: frozenset[DataCategory], now_ms: int) -> bool:
    if record.state is ConsentState.REFUSED:
        return record.party == recipient
    return any(
        _stops_disclosure(each)
        and recipient in each.recipients
        and not categories.isdisjoint(each.data_categories)
        and each.from_ms <= now_ms < each.until_ms
        for each in record.provisions
    )


def _stops_disclosure(provision: Provision) -> bool:
    return provision.effect is Effect.DENY and Action.DISCLOSE in provision.actions
