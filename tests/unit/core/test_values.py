"""Ids, closed lists and directory values."""

from __future__ import annotations

import dataclasses

import pytest

from refbus.core.ids import KeyId, gate_id, parse_country, parse_org_id
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import Action, EventType, member
from refbus.errors import Code, MalformedError
from support.directories import NOW_MS, agency, federation

ORG = federation().directory.organisations[agency("kz")]


@pytest.mark.parametrize("text", ["kz-4f7k2m9q", "uz-gate", "aa-00000000"])
def test_an_organisation_id_is_read(text: str) -> None:
    """Country code, hyphen, eight characters of Crockford base 32; or a country's gate."""
    assert parse_org_id(text) == text


@pytest.mark.parametrize(
    "text", ["", "kz", "kz-", "kz-gates", "KZ-4f7k2m9q", "kz-4f7k2m9", "kz-4f7k2m9u", "kz-4f7k2m9q\n"]
)
def test_anything_else_is_no_organisation_id(text: str) -> None:
    """Length, case and alphabet are fixed; the letters i, l, o, u do not occur."""
    with pytest.raises(MalformedError) as caught:
        parse_org_id(text)
    assert caught.value.code is Code.MALFORMED


def test_a_country_code_has_two_small_letters() -> None:
    """ISO 3166-1 alpha-2 in lower case."""
    assert parse_country("kg") == "kg"
    assert gate_id(parse_country("kg")) == "kg-gate"
    for text in ("", "k", "kgz", "KG", "k1", "kg\n"):
        with pytest.raises(MalformedError) as caught:
            parse_country(text)
        assert caught.value.code is Code.MALFORMED


def test_a_value_outside_its_list_is_refused_and_never_replaced() -> None:
    """The error names the list, not the value."""
    assert member(EventType, "ReferralRequested") is EventType.REFERRAL_REQUESTED
    with pytest.raises(MalformedError) as caught:
        member(Action, "ReferralRequested")
    assert (caught.value.code, caught.value.detail) == (Code.UNKNOWN_VALUE, "Action")


def test_the_newest_usable_key_is_the_current_one() -> None:
    """A key counts from its first moment to before its last, unless revoked; the newest of several is taken."""
    kem, signing = ORG.kem_keys[0], ORG.signing_keys[0]
    newer = dataclasses.replace(kem, kid=KeyId(b"n" * 16), not_before_ms=NOW_MS)
    newer_pair = dataclasses.replace(signing, kid=KeyId(b"n" * 16), not_before_ms=NOW_MS)
    org = dataclasses.replace(ORG, kem_keys=(newer, kem), signing_keys=(newer_pair, signing))
    assert (org.current_kem_key(NOW_MS), org.current_signing_key(NOW_MS)) == (newer, newer_pair)
    assert (org.current_kem_key(NOW_MS - 1), org.current_signing_key(NOW_MS - 1)) == (kem, signing)
    assert (org.current_kem_key(NOW_MS + 999 * DAY_MS), org.current_signing_key(0)) == (None, None)
    assert (org.kem_key(kem.kid), org.signing_key(signing.kid)) == (kem, signing)
    assert (org.kem_key(KeyId(b"")), org.signing_key(KeyId(b""))) == (None, None)


def test_a_revoked_key_is_never_usable() -> None:
    """Whatever its term."""
    kem, signing = ORG.kem_keys[0], ORG.signing_keys[0]
    assert not dataclasses.replace(kem, revoked=True).usable_at(NOW_MS)
    assert not dataclasses.replace(signing, compromised_since_ms=NOW_MS + 1).usable_at(NOW_MS)
    for key in (kem, signing):
        assert not key.usable_at(key.not_before_ms - 1)
        assert key.usable_at(key.not_before_ms)
        assert key.usable_at(key.not_after_ms - 1)
        assert not key.usable_at(key.not_after_ms)


def test_the_countries_of_a_directory_are_sorted() -> None:
    """They are those with a policy."""
    assert federation(("uz", "kg", "kz")).directory.countries() == ("kg", "kz", "uz")
