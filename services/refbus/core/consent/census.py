"""Whether a person permits a use that discloses nothing to anybody: being counted in numbers that are published.

It is asked of everything that a node knows of one case between two organisations. Deny unless permitted: no word, a no,
a yes that ended, was taken back or does not name the purpose, and one that cannot be relied on all mean no.
"""

from __future__ import annotations

from collections.abc import Iterable

from refbus.core.consent.chain import newest_answers
from refbus.core.consent.record import ConsentRecord, ConsentState, Effect, KnownConsent, withdrawal_of
from refbus.core.consent.rules import Setting, in_force, record_problems
from refbus.core.vocabulary import Purpose


def permits_counting(known: Iterable[KnownConsent], setting: Setting) -> bool:
    """Whether every answer that is in force permits statistics without identity, and there is one. Never raises."""
    standing = [answer for each in known for answer in _standing(each, setting)]
    return bool(standing) and all(standing)


def _standing(known: KnownConsent, setting: Setting) -> Iterable[bool]:
    """Yield, for each answer that is in force and was not taken back, whether it permits being counted."""
    authentic = {each.record_sha256: each for each in known.newest if each.authentic}.values()
    withdrawals = (*known.withdrawals, *filter(None, map(withdrawal_of, authentic)))
    for record, broken, closed in newest_answers(authentic, withdrawals):
        if in_force(record, setting.now_ms) and not closed:
            yield not broken and names_counting(record, setting.now_ms) and not record_problems(record, setting)


def names_counting(record: ConsentRecord, now_ms: int) -> bool:
    """Whether a yes has a permission for statistics without identity at a time (UTC ms), and nothing denies them."""
    if record.state is not ConsentState.GIVEN or not in_force(record, now_ms):
        return False
    effects = {
        each.effect
        for each in record.provisions
        if Purpose.STATISTICS_NON_IDENTIFYING in each.purposes and each.from_ms <= now_ms < each.until_ms
    }
    return effects == {Effect.PERMIT}
