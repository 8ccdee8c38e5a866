"""How many events of one organisation count in one referral, and that no flood stands before a stop."""

from __future__ import annotations

import dataclasses
from itertools import count

from refbus.core.courses.facts import EventFact
from refbus.core.gate.rules import MOST_EVENTS
from refbus.core.gate.verdicts import AddReferralFact, Forward, Refuse
from refbus.core.ids import EventId
from refbus.errors import Code
from support.consents import COLLECTOR, PARTY
from support.directories import NOW_MS
from support.passages import REFERRAL, MemoryNode, block, passed, presented
from support.roads import E, into, out, reply, sent, stop


def flood(node: MemoryNode) -> None:
    """Let the recipient have said as much in the referral as counts."""
    known, numbers = node.referrals[REFERRAL], count(1)
    more = [
        EventFact(EventId(next(numbers).to_bytes(16, "big")), E.REFERRAL_FEEDBACK, PARTY, COLLECTOR, None, NOW_MS)
        for _ in range(MOST_EVENTS)
    ]
    node.referrals[REFERRAL] = dataclasses.replace(known, facts=(*known.facts, *more))


def test_more_of_one_organisation_than_counts_is_refused_and_not_kept() -> None:
    """At both gates, so that no list grows without end under the lock of all."""
    kz, uz = sent()
    for node in (kz, uz):
        flood(node)
    answers = (out(reply(), node=uz), into(passed(reply(), "uz"), node=kz))
    for verdict in answers:
        assert isinstance(verdict, Refuse)
        assert Code.TOO_MANY_EVENTS in verdict.codes
        assert not [each for each in verdict.effects if isinstance(each, AddReferralFact)]


def test_a_full_referral_still_takes_the_others_events_and_every_stop() -> None:
    """What one party floods fills nobody else's room, and stops have one of their own."""
    for event in (stop(), presented(block(E.REFERRAL_CANCELLED), named="cancelled")):
        kz, uz = sent()
        for node in (kz, uz):
            flood(node)
        assert isinstance(out(event, node=kz), Forward)
        assert isinstance(into(passed(event), node=uz), Forward)
    _, uz = sent()
    flood(uz)
    assert isinstance(out(stop(PARTY), node=uz), Forward)
