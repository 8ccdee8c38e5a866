"""A key that is listed under this organisation's name and never was in its home is an alarm."""

from __future__ import annotations

import dataclasses

import pytest

from refbus.core.directory import Directory
from refbus.core.ids import KeyId
from refbus.core.units import DAY_MS
from refbus.crypto.kem import KemPrivate
from refbus.crypto.signing import SigningPair
from refbus.errors import Code
from refbus.trust.reader.history import History
from refbus_gateway.directory import own_keys
from refbus_gateway.home import key_changes
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms
from support.ceremonies import PASSPHRASE
from support.gateways import Pair, alarm_codes, home_health

STRANGE = KeyId(b"strange-key-id-1")


def publish(gateway: Gateway, monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """Put a next version of the directory in force, with other facts about this organisation, and let it be checked."""
    old = gateway.history.latest
    own = dataclasses.replace(old.organisations[gateway.me], **changes)  # type: ignore[arg-type]
    new = dataclasses.replace(old, version=old.version + 1, organisations={**old.organisations, gateway.me: own})
    monkeypatch.setattr(gateway.trust, "_history", History((new,)))
    own_keys.check(gateway)


def listed(gateway: Gateway) -> Directory:
    """Return the directory in force."""
    return gateway.history.latest


def test_own_keys_raise_nothing(own: Pair) -> None:
    """What this home made and the ceremony published is in order."""
    assert alarm_codes(own.kz) == []
    assert home_health(own.kz).foreign_keys == 0


@pytest.mark.parametrize("kind", ["signing_keys", "kem_keys"])
def test_a_foreign_key_alarms(own: Pair, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A signing key or an epoch that somebody else added is told with its id, and counted until it is gone."""
    keys = getattr(listed(own.kz).organisations[own.kz.me], kind)
    publish(own.kz, monkeypatch, **{kind: (*keys, dataclasses.replace(keys[0], kid=STRANGE))})
    assert alarm_codes(own.kz) == [Code.KEY_NOT_OURS]
    (alarm,) = home_health(own.kz).alarms
    assert alarm.detail == f"key {STRANGE.hex()}"
    assert home_health(own.kz).foreign_keys == 1
    publish(own.kz, monkeypatch, **{kind: keys})
    assert home_health(own.kz).foreign_keys == 0


def test_a_foreign_key_that_replaced_ours_alarms(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs no key of ours beside it."""
    keys = listed(own.kz).organisations[own.kz.me].kem_keys
    publish(own.kz, monkeypatch, kem_keys=(dataclasses.replace(keys[0], kid=STRANGE),))
    assert alarm_codes(own.kz) == [Code.KEY_NOT_OURS]


def test_a_key_that_was_just_made_is_ours(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation by another process of the home counts at once, although this one has not unlocked the new keys."""
    organisation = listed(own.kz).organisations[own.kz.me]
    pair, kem = SigningPair.generate(), KemPrivate.generate()
    own.kz.home.member.save_signing(pair, PASSPHRASE, memory_kib=64)
    own.kz.home.member.save_kem(kem, PASSPHRASE, memory_kib=64)
    signing = dataclasses.replace(organisation.signing_keys[0], kid=pair.kid)
    epoch = dataclasses.replace(organisation.kem_keys[0], kid=kem.kid)
    publish(
        own.kz,
        monkeypatch,
        signing_keys=(*organisation.signing_keys, signing),
        kem_keys=(*organisation.kem_keys, epoch),
    )
    assert alarm_codes(own.kz) == []


def test_a_destroyed_key_stays_ours(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory still lists epochs whose private halves were destroyed here: they are remembered."""
    own.world.clock.move(days=200)
    organisation = listed(own.kz).organisations[own.kz.me]
    fresh = KemPrivate.generate()
    own.kz.home.member.save_kem(fresh, PASSPHRASE, memory_kib=64)
    window = (own.world.clock.now_ms, own.world.clock.now_ms + 60 * DAY_MS)
    epoch = dataclasses.replace(
        organisation.kem_keys[0], kid=fresh.kid, not_before_ms=window[0], not_after_ms=window[1]
    )
    monkeypatch.setattr(
        own.kz.trust, "_history", History((dataclasses.replace(listed(own.kz), expires_at_ms=1 << 62),))
    )
    assert key_changes.prune(own.kz) == [organisation.kem_keys[0].kid]
    publish(own.kz, monkeypatch, kem_keys=(organisation.kem_keys[0], epoch))
    assert alarm_codes(own.kz) == []


def test_a_version_is_looked_at_once(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cleared alarm stays cleared until the next version of the directory."""
    keys = listed(own.kz).organisations[own.kz.me].kem_keys
    publish(own.kz, monkeypatch, kem_keys=(*keys, dataclasses.replace(keys[0], kid=STRANGE)))
    (alarm,) = home_health(own.kz).alarms
    with own.kz.store.write() as tx:
        alarms.clear_alarm(tx, alarm.id, own.kz.now_ms())
    own_keys.check(own.kz)
    assert alarm_codes(own.kz) == []
    publish(own.kz, monkeypatch)
    assert alarm_codes(own.kz) == [Code.KEY_NOT_OURS]
