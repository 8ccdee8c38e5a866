"""Profiles: what is signed is read as it was, no flipped bit is believed, all end with the same newest one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.ids import OrgId
from refbus.core.profile import Capacity, LocalText, OpeningHours, Profile, Serves, faults
from refbus.errors import RefbusError
from refbus.trust.member.profile import is_newer, profile_path, read_profile, sign_profile, still_counts
from refbus.wire.profile import SignedProfile, decode_profile, encode_profile
from refbus.wire.transport import DirectoryFile
from support.directories import NOW_MS, federation

FED = federation()
ORG = next(org for org in FED.directory.organisations if org.startswith("uz-") and org in FED.pairs)
OTHER = next(org for org in FED.directory.organisations if org.startswith("kz-") and org in FED.pairs)

_text = st.text(st.characters(categories=("Lu", "Ll", "Nd")), min_size=1, max_size=40)
_texts = st.dictionaries(st.sampled_from(("en", "kk", "ky", "ru", "tg", "tk", "uz", "uz-Cyrl")), _text).map(
    lambda found: tuple(LocalText(*each) for each in sorted(found.items()))
)


@st.composite
def said(draw: st.DrawFn) -> Profile:
    """Return any profile that an organisation may sign."""
    capacity, places = draw(st.sampled_from(Capacity)), draw(st.none() | st.integers(0, 10_000))
    if capacity is Capacity.NONE:
        places = None
    stated = capacity is not Capacity.UNSTATED or places is not None
    days = sorted(draw(st.sets(st.integers(1, 7))))
    lists: dict[str, Any] = {
        "serves": tuple(sorted(draw(st.sets(st.sampled_from(Serves))))),
        "languages": tuple(sorted(draw(st.sets(st.sampled_from(("ru", "uz", "kk", "tgk", "en")))))),
    }
    return Profile(
        ORG,
        draw(st.integers(1, 1_000_000_000)),
        NOW_MS,
        NOW_MS - draw(st.integers(0, 10**9)),
        names=draw(_texts),
        telephones=tuple(draw(st.lists(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), max_size=4))),
        hours=tuple(OpeningHours(day, 540, 1080) for day in days),
        area=draw(_texts),
        capacity=capacity,
        places=places,
        capacity_at_ms=NOW_MS if stated else 0,
        withdrawal=draw(_texts),
        **lists,
    )


def _read(content: bytes, org: OrgId = ORG) -> SignedProfile:
    return read_profile(DirectoryFile(profile_path(org), content), FED.directory, NOW_MS)


@settings(max_examples=60)
@given(said())
def test_what_was_signed_is_read_as_it_was(profile: Profile) -> None:
    """Every field comes back, the bytes have one spelling, and it counts."""
    assert faults(profile, hidden=True) == []
    assert decode_profile(encode_profile(profile)) == profile
    signed = _read(sign_profile(profile, FED.pairs[ORG]))
    assert signed.profile == profile
    assert still_counts(signed, FED.directory)


@settings(max_examples=40)
@given(said(), st.data())
def test_no_flipped_bit_is_believed(profile: Profile, data: st.DataObject) -> None:
    """Any change of any bit is one of our errors; so is every beginning of it, and any bytes at all."""
    raw = sign_profile(profile, FED.pairs[ORG])
    at, bit = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(0, 7))
    for forged in (raw[:at] + bytes([raw[at] ^ (1 << bit)]) + raw[at + 1 :], raw[:at]):
        with pytest.raises(RefbusError):
            _read(forged)
    with suppress(RefbusError):
        _read(data.draw(st.binary(max_size=200)))


@settings(max_examples=20)
@given(said())
def test_only_its_own_organisation_can_sign_it(profile: Profile) -> None:
    """Nobody else's key, and under nobody else's name."""
    for forged, org in (
        (sign_profile(profile, FED.pairs[OTHER]), ORG),
        (sign_profile(profile, FED.pairs[ORG]), OTHER),
        (sign_profile(replace(profile, organisation=OTHER), FED.pairs[ORG]), OTHER),
    ):
        with pytest.raises(RefbusError) as caught:
            _read(forged, org)
        assert caught.value.code == "PROFILE_INVALID"


@settings(max_examples=20)
@given(st.lists(said(), min_size=2, max_size=4))
def test_whatever_the_order_everybody_ends_with_the_same(profiles: list[Profile]) -> None:
    """Copies, replays and two contents under one number: the order in which they arrive decides nothing."""
    signed = [_read(sign_profile(each, FED.pairs[ORG])) for each in profiles]
    ends = set()
    for order in permutations(signed):
        kept = order[0]
        for each in (*order, *order):
            kept = each if is_newer(each, kept) else kept
        ends.add(kept.profile_bytes)
    assert len(ends) == 1
