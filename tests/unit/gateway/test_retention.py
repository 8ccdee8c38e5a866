"""A day of erasure that passes is an alarm: at whoever received the content, and at whoever sent it."""

from __future__ import annotations

from refbus.errors import Code
from refbus_gateway.cases import retention
from refbus_gateway.erasure import demand
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms
from refbus_gateway.store.schema import consents
from support.gateways import Pair, case_file, consent_file, home_health, id_of, incoming, sent


def told(gateway: Gateway) -> list[str]:
    """Return the reminders that stand."""
    return [each.detail for each in home_health(gateway).alarms if each.code == Code.ERASE_DUE]


def clear(gateway: Gateway) -> None:
    """Clear every reminder, as a person does who puts it off."""
    with gateway.store.write() as tx:
        for each in alarms.standing_alarms(tx):
            alarms.clear_alarm(tx, each.id, gateway.now_ms())


def arrived(own: Pair) -> tuple[int, int]:
    """Let a case with a day of erasure a month away arrive; return its number at the sender, its referral there."""
    case, number = sent(own.kz, consent=consent_file(valid_until="2026-09-25", retain_until="2026-10-25"))
    own.exchange()
    return case, incoming(own.uz, id_of(own.kz, number))


def test_a_day_of_erasure_that_passes_is_an_alarm_on_both_sides(own: Pair) -> None:
    """Each names the case by the number that it has there, the day, and the command; before the day there is none."""
    case, there = arrived(own)
    own.world.clock.move(days=20)
    own.exchange()
    assert told(own.kz) == told(own.uz) == []
    own.world.clock.move(days=20)
    own.world.sync(own.kz)
    own.world.sync(own.uz)
    assert [f"refbus erase --referral {there}" in each and "2026-10-2" in each for each in told(own.uz)] == [True]
    assert [f"case {case}:" in each and f"refbus erase {case} " in each for each in told(own.kz)] == [True]


def test_a_reminder_that_was_cleared_comes_again_after_a_week_until_the_case_is_erased(own: Pair) -> None:
    """Not at every look, and not for ever: an erased case reminds nobody, and its alarm goes by itself."""
    case, _ = arrived(own)
    own.world.clock.move(days=40)
    retention.remind(own.kz)
    clear(own.kz)
    own.world.clock.move(days=6)
    retention.remind(own.kz)
    assert told(own.kz) == []
    own.world.clock.move(days=1)
    retention.remind(own.kz)
    retention.remind(own.kz)
    assert len(told(own.kz)) == 1
    demand.erase(own.kz, case)
    retention.remind(own.kz)
    assert told(own.kz) == []


def test_a_case_that_cannot_be_read_keeps_no_other_from_being_named(own: Pair) -> None:
    """Two cases are over, one is damaged: the other one is told."""
    arrived(own)
    form = consent_file(valid_until="2026-09-25", retain_until="2026-10-25")
    case, _ = sent(own.kz, case_file(about="Fictional: another"), form)
    own.world.clock.move(days=40)
    with own.kz.store.write() as tx:
        tx.connection.execute(consents.update().where(consents.c.case_id == case).values(body=b"damaged"))
    retention.remind(own.kz)
    assert len(told(own.kz)) == 1
