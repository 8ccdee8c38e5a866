"""An office and its certificate: warned in time, and told when it is refused."""

from __future__ import annotations

import pytest

from refbus.core.units import DAY_MS
from refbus.errors import Code, RefbusError, TransportError
from refbus_gateway.store import alarms
from support.gateways import Pair, alarm_codes


def test_an_office_is_warned_thirty_days_ahead(own: Pair) -> None:
    """An alarm with the day, not before; it goes by itself when there is a new certificate."""
    world = own.world
    for days, expected in ((31, 0), (29, 1), (29, 1), (400, 0)):
        world.bus.own_certificate_end_ms = world.clock() + days * DAY_MS
        world.sync(own.kz)
        assert alarm_codes(own.kz).count("TLS_CERTIFICATE_ENDING") == expected


def test_a_refused_certificate_is_told_as_such(own: Pair) -> None:
    """TLS_REFUSED in place of a broker that is away, and an alarm: most commands only say that it goes out later."""
    own.world.bus.down = True
    own.world.bus.certificate_refusal = TransportError(Code.TLS_REFUSED, "the broker does not accept ours: expired")
    with pytest.raises(RefbusError) as refused:
        own.world.sync(own.kz)
    assert refused.value.code is Code.TLS_REFUSED
    with own.kz.store.read() as tx:
        (alarm,) = alarms.standing_alarms(tx)
    assert "expired" in alarm.detail


def test_a_broker_that_is_away_is_not_blamed_on_a_certificate(own: Pair) -> None:
    """BROKER_UNREACHABLE stays when no certificate is refused."""
    own.world.bus.down = True
    with pytest.raises(RefbusError) as refused:
        own.world.sync(own.kz)
    assert refused.value.code is Code.BROKER_UNREACHABLE
    assert alarm_codes(own.kz) == []
