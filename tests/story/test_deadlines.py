"""Time passes and somebody does not answer: who hears of it, once, whatever the clocks and the gates do."""

from __future__ import annotations

from refbus.core.courses.facts import EventFact
from refbus.core.courses.machine import Role
from refbus.core.courses.referral import State
from refbus.core.gate.verdicts import Point
from refbus.core.ids import OrgId, ReferralId
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from refbus.node.store import pings
from refbus.wire.transport import NoticeKind
from refbus_gate.decide.state import View
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store.alarms import standing_alarms
from support.gateways import case_file, id_of, incoming, say, sent, view, withdraw_all
from support.homecoming import E, Homecoming
from support.nodes import Node, Road

FOCAL = OrgId("uz-agency01")


def alarms(gateway: Gateway) -> list[str]:
    """Return the standing alarms as code and words, oldest first."""
    with gateway.store.read() as tx:
        return [f"{alarm.code} {alarm.detail}" for alarm in standing_alarms(tx)]


def told(gateway: Gateway, code: Code) -> int:
    """Count the alarms of one code."""
    return sum(each.startswith(code) for each in alarms(gateway))


def waiting(road: Road) -> int:
    """Refer a case that nobody answers; return its number at the agency."""
    _, number = sent(road.kz, case_file(about="Fictional: nobody answers"))
    road.settle()
    return number


def test_a_silent_recipient_is_reminded_and_then_the_ladder_is_climbed(own: Road) -> None:
    """Half of the time: a reminder. The end: both offices. Four hours on: its focal point, then that of the sender."""
    own.gateway(FOCAL)
    waiting(own)
    own.pass_time(hours=11)
    assert alarms(own.uz) == []
    own.pass_time(hours=2)
    assert (told(own.uz, Code.DEADLINE_NEAR), told(own.kz, Code.DEADLINE_NEAR)) == (1, 0)
    own.pass_time(hours=12)
    assert (told(own.uz, Code.DEADLINE_PASSED), told(own.kz, Code.DEADLINE_PASSED)) == (1, 1)
    assert "is your turn" in alarms(own.uz)[-1]
    assert "UTC+05:00" in alarms(own.uz)[-1], "the time is that of the country"
    assert f"is {own.shelter}'s turn" in alarms(own.kz)[-1]
    assert alarms(own.of(FOCAL)) == []
    own.pass_time(hours=4)
    assert told(own.of(FOCAL), Code.DEADLINE_PASSED) == 1
    assert "of others" in alarms(own.of(FOCAL))[0], "the focal point learns whose turn it is, and no case"
    own.pass_time(hours=1)
    assert told(own.uz, Code.DEADLINE_PASSED) == 1, "nothing is told twice"


def test_an_answer_ends_it(own: Road) -> None:
    """Reminded, answered, and silence."""
    number = waiting(own)
    own.pass_time(hours=13)
    there = incoming(own.uz, id_of(own.kz, number))
    say(own.uz, there, EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    own.settle()
    own.pass_time(days=20)
    assert told(own.uz, Code.DEADLINE_PASSED) == told(own.kz, Code.REFERRAL_EXPIRED) == 0


def test_a_referral_that_nobody_answers_expires_at_both_ends_and_a_late_answer_counts(own: Road) -> None:
    """Both gates and both offices see the same state; each office hears it once."""
    number = waiting(own)
    there = incoming(own.uz, id_of(own.kz, number))
    own.pass_time(days=15)
    assert (view(own.kz, number).state, view(own.uz, there).state) == (State.EXPIRED, State.EXPIRED)
    assert (told(own.kz, Code.REFERRAL_EXPIRED), told(own.uz, Code.REFERRAL_EXPIRED)) == (1, 1)
    referral_id = id_of(own.kz, number)
    assert len({_facts(node, referral_id) for node in own.nodes.values()}) == 1
    say(own.uz, there, EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    own.settle()
    assert (view(own.kz, number).state, view(own.uz, there).state) == (State.ACCEPTED, State.ACCEPTED)


def _facts(node: Node, referral_id: bytes) -> tuple[EventFact, ...]:
    name = ReferralId(referral_id)
    known = View(node.home.store, node.country, Point.EGRESS, [], [name]).referral(name)
    return () if known is None else known.facts


def test_a_person_who_does_not_arrive_alarms_both_countries_at_once(own: Road) -> None:
    """The offices and both focal points, in the same moment; the arrival ends it."""
    own.gateway(FOCAL)
    road = Homecoming(own, "does not arrive").prepare().leave()
    own.pass_time(hours=23)
    assert told(own.uz, Code.PERSON_NOT_ARRIVED) == told(own.kz, Code.PERSON_NOT_ARRIVED) == 0
    own.pass_time(hours=2)
    for office in (own.kz, own.uz, own.of(FOCAL)):
        assert told(office, Code.PERSON_NOT_ARRIVED) >= 1
    kinds = _pings(own.nodes["uz"])
    assert kinds.count(NoticeKind.ALARM) == 2, "the shelter and the focal point are rung, urgently"
    now_ms = own.clock()
    road.say(Role.TARGET, E.ARRIVED, at_ms=now_ms, expected_ms=now_ms + DAY_MS)
    for role in (Role.TARGET, Role.SOURCE):
        road.say(role, E.HANDOVER_CONFIRMED, at_ms=now_ms)
    before = len(alarms(own.uz))
    own.pass_time(days=3)
    assert len(alarms(own.uz)) == before


def _pings(node: Node) -> list[str]:
    with node.home.store.database.reading() as connection:
        return [ping.kind for ping in pings.due(connection, 2**60, 100)]


def test_a_missing_signature_and_a_missing_contact_are_told(own: Road) -> None:
    """After the arrival: the host country has not signed; later nobody asked how the person fares."""
    road = Homecoming(own, "missing signature").prepare().leave()
    now_ms = own.clock()
    road.say(Role.TARGET, E.ARRIVED, at_ms=now_ms, expected_ms=now_ms + DAY_MS)
    road.say(Role.TARGET, E.HANDOVER_CONFIRMED, at_ms=now_ms)
    own.pass_time(days=2)
    assert any("HANDOVER" in each and "is your turn" in each for each in alarms(own.kz))
    road.say(Role.SOURCE, E.HANDOVER_CONFIRMED, at_ms=own.clock())
    road.say(
        Role.TARGET,
        E.REINTEGRATION_AGREED,
        stage="CRISIS",
        services=["SocialCare"],
        monitoring_agreed=True,
        responsible_worker_role="SOCIAL_WORKER",
    )
    own.pass_time(days=31)
    assert any(each.startswith(Code.DEADLINE_NEAR) and "MONITORING" in each for each in alarms(own.uz))
    own.pass_time(days=14)
    assert any(each.startswith(Code.DEADLINE_PASSED) and "MONITORING" in each for each in alarms(own.uz))


def test_a_withdrawal_that_is_not_acknowledged_is_told(own: Road) -> None:
    """The other office has to say what it did."""
    case, _ = sent(own.kz, case_file(about="Fictional: withdrawn"))
    own.settle()
    withdraw_all(own.kz, case)
    own.settle()
    own.pass_time(days=4)
    assert any("WITHDRAWAL_ACK" in each and "is your turn" in each for each in alarms(own.uz))
    assert not any("DECIDE" in each for each in alarms(own.uz)), "nobody presses for an answer after a withdrawal"


def test_a_clock_that_jumps_back_and_forth_tells_nothing_twice(own: Road) -> None:
    """What was told is remembered in the store."""
    waiting(own)
    for hours in (25, -24, 24, -25, 30):
        own.pass_time(hours=hours)
    assert told(own.uz, Code.DEADLINE_PASSED) == told(own.kz, Code.DEADLINE_PASSED) == 1


def test_a_standby_that_takes_over_misses_and_doubles_nothing(own: Road) -> None:
    """Some steps are told by the first process, the rest by the second, on the same store."""
    waiting(own)
    own.pass_time(hours=13)
    for country in own.gate_countries:
        own.nodes[country].close()
        own.nodes[country] = Node(own, country)
    own.pass_time(hours=12)
    assert (told(own.uz, Code.DEADLINE_NEAR), told(own.uz, Code.DEADLINE_PASSED)) == (1, 1)


def test_a_crash_before_the_transaction_loses_nothing(own: Road) -> None:
    """The row is written with the notices, or neither is."""
    waiting(own)
    node = own.nodes["uz"]
    own.clock.move(hours=25)
    original = node.core.write

    def dies(*_args: object) -> None:
        raise KeyboardInterrupt

    object.__setattr__(node.core, "write", dies)
    try:
        node.timekeeper.tell()
    except KeyboardInterrupt:
        object.__setattr__(node.core, "write", original)
    own.settle()
    assert told(own.uz, Code.DEADLINE_PASSED) == 0
    own.pass_time()
    assert told(own.uz, Code.DEADLINE_PASSED) == 1
