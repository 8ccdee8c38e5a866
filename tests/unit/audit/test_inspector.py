"""Whom audit records are sealed to."""

from __future__ import annotations

import dataclasses
from typing import Any

from refbus.audit.inspector import inspector_key
from refbus.core.directory import KemKey
from refbus.core.ids import CountryCode, KeyId
from refbus.core.units import DAY_MS
from support.directories import NOW_MS, Federation, federation, inspector

KZ = CountryCode("kz")


def with_epochs(*epochs: KemKey) -> Federation:
    """Return a federation whose inspector of kz has these epochs."""
    return federation().changed(inspector("kz"), kem_keys=epochs)


def key(number: int, start: int, end: int, *, revoked: bool = False) -> KemKey:
    """Return an epoch; days from now."""
    present = federation().directory.organisations[inspector("kz")].kem_keys[0]
    window: dict[str, Any] = {"not_before_ms": NOW_MS + start * DAY_MS, "not_after_ms": NOW_MS + end * DAY_MS}
    return dataclasses.replace(present, kid=KeyId(bytes([number]) * 16), revoked=revoked, **window)


def test_the_current_key_is_used() -> None:
    """The newest epoch in force."""
    old, new = key(1, -60, 10), key(2, -5, 60)
    assert inspector_key(with_epochs(old, new).directory, KZ, NOW_MS) == new


def test_an_ended_key_is_better_than_none() -> None:
    """A country does not stand still because its inspector was late; a revoked key is never used."""
    older, ended, stolen = key(1, -90, -30), key(2, -60, -1), key(3, -60, 30, revoked=True)
    assert inspector_key(with_epochs(older, ended, stolen).directory, KZ, NOW_MS) == ended


def test_without_any_good_key_there_is_none() -> None:
    """Only revoked keys, or no inspector in the country."""
    assert inspector_key(with_epochs(key(1, -60, 30, revoked=True)).directory, KZ, NOW_MS) is None
    assert inspector_key(federation(("uz",)).directory, KZ, NOW_MS) is None
