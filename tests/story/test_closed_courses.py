"""A no reaches whoever has the data by an earlier course, also where the newest course never came through."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from refbus.core.vocabulary import EventType
from refbus_gateway.consent import withdrawals
from refbus_gateway.erasure import demand
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import cases, consents, outbox, referrals
from support.erasing import acknowledge
from support.gateways import id_of, incoming, refer, say, sent
from support.nodes import Road, change_policy


def arrived(own: Road) -> list[EventType]:
    """Return what the shelter took in."""
    with own.uz.store.read() as tx:
        events = [one for found in referrals.every(tx) for one in referrals.events_of(tx, found)]
        return [one.block.event_type for one in events if not one.outgoing]


def unanswered(gateway: Gateway) -> int:
    """Return how many nos nobody has answered."""
    with gateway.store.read() as tx:
        return len(consents.unacknowledged(tx, outgoing=True))


def rejected(own: Road, number: int) -> None:
    """Let the shelter reject a request that it has read."""
    there = incoming(own.uz, id_of(own.kz, number))
    say(own.uz, there, EventType.REFERRAL_REJECTED, reason="CAPACITY_FULL")
    own.settle()


def expired(own: Road, _number: int) -> None:
    """Let nobody answer it in time."""
    own.pass_time(days=20)


def never_sent(own: Road, number: int) -> None:
    """Note a request as handed over, as a gateway does that is killed before it sends it."""
    with own.kz.store.write() as tx:
        rows = [row for row in outbox.due(tx, own.kz.now_ms()) if row.referral == number]
        outbox.hand_over(tx, [row.id for row in rows], own.kz.now_ms())


@pytest.mark.parametrize("over", [rejected, expired])
def test_who_has_the_data_is_told(own: Road, over: Callable[[Road, int], None]) -> None:
    """The first course is over, the second never left: the no goes into both, and one answer ends both."""
    case, first = sent(own.kz)
    own.settle()
    over(own, first)
    never_sent(own, refer(own.kz, case, again=True))
    withdrawals.stop(own.kz, case, None)
    own.settle()
    assert arrived(own) == [EventType.REFERRAL_REQUESTED, EventType.CONSENT_WITHDRAWN]
    assert unanswered(own.kz) == 2
    acknowledge(own, incoming(own.uz, id_of(own.kz, first)), "STOPPED")
    own.settle()
    assert unanswered(own.kz) == 0


def test_who_has_the_data_is_told_where_a_gate_refuses_the_next_request(own: Road) -> None:
    """The policy changed while the second request and the no were on their way: the gate refuses both."""
    case, first = sent(own.kz)
    own.settle()
    rejected(own, first)
    refer(own.kz, case, again=True)
    own.sync(own.kz)
    withdrawals.stop(own.kz, case, None)
    own.sync(own.kz)
    rule = '[residency.HEALTH]\nrule = "CROSS_BORDER_WITH_CONSENT"'
    change_policy(own, "kz", lambda text: text.replace(rule, rule.replace("CROSS_BORDER_WITH_CONSENT", "LOCAL_ONLY")))
    assert arrived(own) == [EventType.REFERRAL_REQUESTED, EventType.CONSENT_WITHDRAWN]


def test_who_has_the_data_is_told_to_erase(own: Road) -> None:
    """Nothing is declared finished while an organisation has the data; its answer finishes it."""
    case, first = sent(own.kz)
    own.settle()
    rejected(own, first)
    never_sent(own, refer(own.kz, case, again=True))
    demand.erase(own.kz, case)
    own.settle()
    assert EventType.CONSENT_WITHDRAWN in arrived(own)
    with own.kz.store.read() as tx:
        assert cases.get(tx, case).key is not None


def test_a_course_that_came_through_is_enough(own: Road) -> None:
    """Where an open course has been heard, the earlier ones of the organisation are left alone."""
    case, first = sent(own.kz)
    own.settle()
    rejected(own, first)
    refer(own.kz, case, again=True)
    own.settle()
    withdrawals.stop(own.kz, case, None)
    own.settle()
    assert arrived(own).count(EventType.CONSENT_WITHDRAWN) == 1
    assert unanswered(own.kz) == 1
