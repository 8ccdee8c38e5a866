"""Whom the audit records of a country are sealed to."""

from __future__ import annotations

from refbus.core.directory import Directory, KemKey, OrgRole
from refbus.core.ids import CountryCode


def inspector_key(directory: Directory, country: CountryCode, now_ms: int) -> KemKey | None:
    """Return the key of the country's inspector, None when there is none at all.

    It is the current one, else the newest that was not revoked, whatever its term: a record that is sealed to an old
    key can be read, one that is not written cannot, and a country must not stand still because a key was not renewed.
    """
    inspectors = list(directory.members_of(country, OrgRole.INSPECTOR))
    for inspector in inspectors:
        current = inspector.current_kem_key(now_ms)
        if current is not None:
            return current
    good = [key for each in inspectors for key in each.kem_keys if not key.revoked]
    return max(good, key=lambda key: key.not_after_ms, default=None)
