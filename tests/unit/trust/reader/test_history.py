"""The versions verified here, as a value."""

from __future__ import annotations

import dataclasses

import pytest

from refbus.core.units import HOUR_MS
from refbus.errors import Code, UncheckableError
from refbus.trust.reader.history import History, keep_ms
from support.directories import NOW_MS, federation

ONE = federation(("kz", "uz")).directory
TWO = dataclasses.replace(ONE, version=2)


def test_a_newer_version_supersedes() -> None:
    """The one before stays, with the moment from which it was old."""
    history = History((ONE,)).with_version(TWO, (), NOW_MS)
    assert history.latest == TWO
    assert history.at(1) == dataclasses.replace(ONE, superseded_at_ms=NOW_MS)


def test_the_same_version_replaces_itself() -> None:
    """A fresh timestamp is no new version, and what was superseded keeps its time."""
    history = History((ONE,)).with_version(TWO, (), NOW_MS)
    fresh = dataclasses.replace(TWO, expires_at_ms=TWO.expires_at_ms + 1)
    again = history.with_version(fresh, (), NOW_MS + 5)
    assert again.versions == (history.versions[0], fresh)


def test_versions_are_kept_for_one_message_life() -> None:
    """720 hours of life and 72 of grace, then gone."""
    assert keep_ms(ONE) == 792 * HOUR_MS
    history = History((ONE,)).with_version(TWO, (), NOW_MS)
    assert history.kept(NOW_MS + 792 * HOUR_MS - 1).at(1) is not None
    assert history.kept(NOW_MS + 792 * HOUR_MS).at(1) is None
    assert history.kept(NOW_MS + 9_999 * HOUR_MS).latest == TWO


def test_a_directory_without_countries_keeps_for_the_default() -> None:
    """Nothing to read a life from: 720 hours."""
    assert keep_ms(dataclasses.replace(ONE, policies={})) == 720 * HOUR_MS


def test_an_expired_view_is_not_used() -> None:
    """From its end on it raises; before, it is the newest version."""
    history = History((ONE,))
    assert history.require_fresh(ONE.expires_at_ms - 1) == ONE
    with pytest.raises(UncheckableError) as caught:
        history.require_fresh(ONE.expires_at_ms)
    assert caught.value.code is Code.DIRECTORY_EXPIRED
