"""Versions of one consent: which belong together, whether they continue each other, which ones must be remembered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from refbus.core.consent.record import ConsentRecord, ConsentState, Evidence, KnownConsent, Withdrawal
from refbus.core.ids import ConsentId, OrgId

Chain = tuple[ConsentId, OrgId, OrgId]
"""Versions belong together by id, collector and party: only these two can sign, so nobody else can spoil a chain."""


MOST_MARKS = 64
"""Withdrawals of one organisation that a store tells apart for one consent id. A person takes back once or twice."""


def with_mark(marks: Iterable[Withdrawal], new: Withdrawal) -> tuple[Withdrawal, ...]:
    """Return what is remembered of withdrawals once `new` is read; it stops at least what each of them stops.

    Those of an organisation that makes more than MOST_MARKS become one: nobody fills the memory of a gate with them.
    """
    others = tuple(each for each in marks if each != new)
    mine = [each for each in (*others, new) if (each.consent_id, each.signer) == (new.consent_id, new.signer)]
    if len(mine) <= MOST_MARKS:
        return (*others, new)
    version, at_ms = max(each.version for each in mine), max(each.event_time_ms for each in mine)
    kept = (each for each in others if each not in mine)
    return (*kept, Withdrawal(new.consent_id, new.signer, version, at_ms))


MOST_CHAINS = 8
"""Chains of one organisation that a store keeps for one consent id. An honest id has one."""


def has_room(evidence: Evidence, known: KnownConsent) -> bool:
    """Whether a record may be kept beside what is known of its id: nobody fills a value that others' events read."""
    if any(chain_of(each) == chain_of(evidence) for each in known.newest):
        return True
    return len({chain_of(each) for each in known.newest if each.signer == evidence.signer}) < MOST_CHAINS


def chain_of(evidence: Evidence) -> Chain:
    """Return the chain that a record belongs to."""
    return evidence.record.consent_id, evidence.record.collected_by, evidence.record.party


def answers(members: Iterable[Evidence]) -> list[Evidence]:
    """Return the records that say yes or no; a withdrawal is no answer, it closes them."""
    return [each for each in members if each.record.state is not ConsentState.WITHDRAWN]


def top_version(members: Sequence[Evidence]) -> int:
    """Return the version that decides, 0 of none. A withdrawal at the top closes all below it."""
    return max((each.record.version for each in members), default=0)


def is_broken(members: Sequence[Evidence], withdrawals: Iterable[Withdrawal]) -> bool:
    """Return whether the newest answer is not alone, answers speak of two persons, or it continues something unknown.

    Where the version before is a withdrawal of which only the lasting form is kept, its hash cannot be compared.
    """
    if len(members) < 2:
        return False
    newest = top_version(members)
    tops = [each for each in answers(members) if each.record.version == newest]
    before = {each.record_sha256 for each in members if each.record.version == newest - 1}
    persons = {each.record.subject_ref for each in answers(members)}
    forgotten = any(
        (each.consent_id, each.version) == (members[0].record.consent_id, newest - 1) for each in withdrawals
    )
    astray = bool(before) and not forgotten and not {each.record.prev_hash for each in tops} <= before
    return len({each.record_sha256 for each in tops}) > 1 or len(persons) > 1 or astray


def newest_answers(
    authentic: Iterable[Evidence], withdrawals: Sequence[Withdrawal]
) -> list[tuple[ConsentRecord, bool, bool]]:
    """Return the newest records of each chain, with whether the chain is broken and whether the record is taken back.

    A chain of which only the withdrawal is known has no other answer.
    """
    chains: defaultdict[Chain, list[Evidence]] = defaultdict(list)
    for each in authentic:
        chains[chain_of(each)].append(each)
    found = []
    for members in chains.values():
        newest, broken = top_version(members), is_broken(members, withdrawals)
        for each in members:
            if each.record.version == newest:
                closed = any(withdrawal.closes(each.record) for withdrawal in withdrawals)
                found.append((each.record, broken, closed))
    return found


def made_needless(evidence: Evidence, known: KnownConsent) -> tuple[bytes, ...] | None:
    """Return the SHA-256s of the remembered records that `evidence` makes needless; None when it says nothing new.

    What it contradicts is kept beside it: a chain once broken stays so until a version continues it properly.
    """
    chain = [each for each in known.newest if chain_of(each) == chain_of(evidence)]
    newest, version = top_version(chain), evidence.record.version
    tops = [each for each in chain if each.record.version == newest]
    if version < newest or evidence in chain or (version == newest and len(tops) > 1):
        return None
    broken = is_broken([*chain, evidence], known.withdrawals)
    return tuple(each.record_sha256 for each in chain if not (broken and each in tops))
