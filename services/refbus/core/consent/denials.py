"""What a person has refused, as far as a node knows: it stands against an emergency disclosure (domain.md 2.4).

Only the newest answer and the newest withdrawal of each consent id matter, so every order of arrival gives the same.
What one signer makes a node remember of one person is bounded: beyond `MOST_NOTED` chains its further noes are kept as
"denied", without their details, and its further yeses are not noted. So a no is never forgotten, whoever writes how
much, and nobody takes the room of another signer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from refbus.core.consent.record import ConsentRecord, ConsentState, Effect, GrantorKind, Provision
from refbus.core.ids import ConsentId, OrgId
from refbus.core.vocabulary import Action, DataCategory

MOST_NOTED = 128
"""Chains of one signer about one person that are told apart. A person has a few consents with an organisation."""
MOST_INTERVALS = 8
"""Denials of one record that are told apart; more become one that covers them all."""
MOST_CLOSED = 16
"""Organisations for which one signer's noes beyond its room are told apart; with more it denies everybody."""


Chain = tuple[ConsentId, OrgId, OrgId]
"""A consent: its id, who collected it, about which party."""


@dataclass(frozen=True, slots=True)
class Denied:
    """A provision that forbids telling the party any of these categories, from (inclusive) until (exclusive) UTC ms."""

    categories: frozenset[DataCategory]
    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Said:
    """One record, as far as emergencies ask: whose word, about which party, and what it refuses.

    `competent`: the person spoke for himself or herself, and was of age. `denied` are the provisions of an answer.
    """

    signer: OrgId
    consent_id: ConsentId
    collected_by: OrgId
    party: OrgId
    state: ConsentState
    version: int
    event_time_ms: int
    competent: bool
    denied: tuple[Denied, ...] = ()

    @property
    def chain(self) -> tuple[bool, ConsentId, OrgId, OrgId, OrgId]:
        """What this record is a version of; withdrawals are kept beside answers, each signer's own."""
        withdrawal = self.state is ConsentState.WITHDRAWN
        return withdrawal, self.consent_id, self.collected_by, self.party, self.signer

    @property
    def consent(self) -> Chain:
        """The consent that this record is a version of."""
        return self.consent_id, self.collected_by, self.party

    @property
    def by_collector(self) -> bool:
        """Whether the organisation that asked the person signed it, and not the one that it is about."""
        return self.signer == self.collected_by

    @property
    def is_no(self) -> bool:
        """Whether it refuses anything, and by one who could decide."""
        return self.competent and (self.state is not ConsentState.GIVEN or bool(self.denied))


@dataclass(frozen=True, slots=True)
class Denials:
    """The newest answers (given or refused) and withdrawals about one person.

    `closed` are the noes for which their signer had no room: (signer, party), the party None for everybody.
    """

    said: tuple[Said, ...] = ()
    closed: tuple[tuple[OrgId, OrgId | None], ...] = ()


def matters(record: ConsentRecord) -> bool:
    """Whether a record says a no, or may lift an earlier one; a first plain yes does neither."""
    return (
        record.version > 1 or record.state is not ConsentState.GIVEN or any(map(_stops_disclosure, record.provisions))
    )


def note(known: Denials, record: ConsentRecord, signer: OrgId) -> Denials:
    """Return what is known once `record`, whose signatures by `signer` were checked, has been read."""
    new = said_in(record, signer)
    chains = {each.chain: each for each in known.said}
    before = chains.get(new.chain)
    if before is None and sum(each.signer == signer for each in known.said) >= MOST_NOTED:
        return _close(known, new) if new.is_no else known
    chains[new.chain] = new if before is None else max(before, new, key=_rank)
    return replace(known, said=tuple(chains[chain] for chain in sorted(chains)))


def denies(known: Denials, recipient: OrgId, categories: frozenset[DataCategory], now_ms: int) -> bool:
    """Return whether an adult who could decide has refused that `recipient` is told any of `categories`."""
    if any(party in {None, recipient} for _, party in known.closed):
        return True
    answers = _newest(each for each in known.said if each.state is not ConsentState.WITHDRAWN)
    noes = (each for each in known.said if each.competent and each.party == recipient and not each.by_collector)
    if any(not _lifted(each, answers) for each in noes if each.state is ConsentState.REFUSED):
        return True
    taken_back = (each for each in known.said if each.state is ConsentState.WITHDRAWN and each.party == recipient)
    if any(each.competent and not _lifted(each, answers) for each in taken_back):
        return True
    return any(each.competent and _refuses(each, recipient, categories, now_ms) for each in answers.values())


def said_in(record: ConsentRecord, signer: OrgId) -> Said:
    """Return what is kept of a record."""
    denied = tuple(
        Denied(frozenset(each.data_categories), each.from_ms, each.until_ms)
        for each in record.provisions
        if _stops_disclosure(each) and record.party in each.recipients
    )
    of_age = record.majority_at_ms is None or record.event_time_ms >= record.majority_at_ms
    return Said(
        signer,
        record.consent_id,
        record.collected_by,
        record.party,
        record.state,
        record.version,
        record.event_time_ms,
        record.grantor.kind is GrantorKind.SELF and of_age,
        denied if len(denied) <= MOST_INTERVALS else (_hull(denied),),
    )


def _hull(denied: Iterable[Denied]) -> Denied:
    """Return one denial that covers all of them."""
    each = list(denied)
    categories = frozenset[DataCategory]().union(*(one.categories for one in each))
    return Denied(categories, min(one.from_ms for one in each), max(one.until_ms for one in each))


def _close(known: Denials, no: Said) -> Denials:
    """Keep a no for which its signer has no room: everything of this person is denied to the party."""
    theirs = {party for signer, party in known.closed if signer == no.signer} | {no.party}
    parties = {None} if None in theirs or len(theirs) > MOST_CLOSED else theirs
    others = {each for each in known.closed if each[0] != no.signer}
    return replace(known, closed=tuple(sorted(others | {(no.signer, each) for each in parties}, key=_place)))


def _place(closed: tuple[OrgId, OrgId | None]) -> tuple[str, str]:
    return closed[0], closed[1] or ""


def _newest(answers: Iterable[Said]) -> dict[Chain, Said]:
    """Return the newest answer that the collector of each consent signed.

    Only that takes a no back: what the party of a consent signs can say no and never yes, nor anything else in place of
    the person's no towards itself.
    """
    newest: dict[Chain, Said] = {}
    for each in answers:
        if each.by_collector:
            newest[each.consent] = max(newest.get(each.consent, each), each, key=_rank)
    return newest


def _rank(said: Said) -> tuple[object, ...]:
    denied = [(sorted(each.categories), each.from_ms, each.until_ms) for each in said.denied]
    return said.version, said.event_time_ms, said.state, said.signer, said.competent, denied


def _lifted(no: Said, answers: Mapping[Chain, Said]) -> bool:
    """Whether the collector of the same consent signed a later answer."""
    answer = answers.get(no.consent)
    return answer is not None and answer.version > no.version and answer.event_time_ms > no.event_time_ms


def _refuses(said: Said, recipient: OrgId, categories: frozenset[DataCategory], now_ms: int) -> bool:
    if said.party != recipient:
        return False
    if said.state is ConsentState.REFUSED:
        return True
    return any(
        not categories.isdisjoint(each.categories) and each.from_ms <= now_ms < each.until_ms for each in said.denied
    )


def _stops_disclosure(provision: Provision) -> bool:
    return provision.effect is Effect.DENY and Action.DISCLOSE in provision.actions
