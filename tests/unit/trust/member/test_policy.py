"""National policies: data with source and date, strict, and the ones in keys/policies are what they claim."""

from __future__ import annotations

import hashlib
import json
import re
from itertools import permutations

import pytest

from refbus.core.courses.travel_papers import EVERYWHERE, accepted
from refbus.core.ids import CountryCode
from refbus.core.vocabulary import DataCategory, Priority, Residency
from refbus.errors import Code, MalformedError, RefbusError
from refbus.resources import data_dir
from refbus.trust.canonical import dumps
from refbus.trust.member.policy import compile_policy, parse_policy

KEYS = data_dir("keys")
COUNTRIES = ("kg", "kz", "tm", "uz")
TEXT = (KEYS / "policies" / "uz.toml").read_text("utf-8")


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_national_policy_compiles(country: str) -> None:
    """Each file states its own country, every category and every clock."""
    policy = parse_policy(compile_policy((KEYS / "policies" / f"{country}.toml").read_text("utf-8")))
    assert policy.country == country
    assert set(policy.residency) == set(DataCategory)
    assert set(policy.clocks) == set(Priority)
    assert policy.message_life_hours <= policy.max_message_life_hours


@pytest.mark.parametrize("country", COUNTRIES)
def test_notices_are_the_texts_in_keys(country: str) -> None:
    """A notice that a policy recognises is the file beside it, byte for byte, and has each language that it names."""
    policy = parse_policy(compile_policy((KEYS / "policies" / f"{country}.toml").read_text("utf-8")))
    for notice in policy.notices.values():
        content = (KEYS / "notices" / f"{notice.notice_id}.txt").read_bytes()
        assert hashlib.sha256(content).digest() == notice.sha256
        assert set(re.findall(r"^\[(\w+)\]$", content.decode(), re.M)) == set(notice.languages)


def test_biometrics_stay_in_uzbekistan() -> None:
    """The rule that the demonstration shows: photos and biometrics do not leave uz."""
    assert parse_policy(compile_policy(TEXT)).residency[DataCategory.PHOTO_BIOMETRIC] is Residency.LOCAL_ONLY


def test_only_kg_tells_the_person_of_each_transfer() -> None:
    """Decree No. 759 of 21 November 2017."""
    telling = [
        country
        for country in COUNTRIES
        if parse_policy(compile_policy((KEYS / "policies" / f"{country}.toml").read_text("utf-8"))).notify_subject
    ]
    assert telling == ["kg"]


@pytest.mark.parametrize("country", COUNTRIES)
def test_two_of_the_other_three_cosign_each_countrys_log(country: str) -> None:
    """One may be away, and no single neighbour is enough; 0 is a value too: none demanded."""
    text = (KEYS / "policies" / f"{country}.toml").read_text("utf-8")
    assert parse_policy(compile_policy(text)).audit_quorum == 2
    assert parse_policy(compile_policy(text.replace("audit_quorum = 2", "audit_quorum = 0"))).audit_quorum == 0


def test_a_policy_says_which_stamps_its_country_reads() -> None:
    """Version 1 where it says nothing, as policies from before; only versions that there are."""
    assert parse_policy(compile_policy(TEXT)).stamps == 2
    assert parse_policy(compile_policy(TEXT.replace("stamps = 2\n", ""))).stamps == 1
    assert parse_policy(compile_policy(TEXT.replace("stamps = 2", "stamps = 1"))).stamps == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('country = "uz"', 'country = "UZ"'),
        ("version = 1", "version = 0"),
        ("version = 1", "version = 1.5"),
        ("version = 1", "version = 1979-05-27"),
        ("version = 1", "version = 1\nsurprise = 1"),
        ("message_life_hours = 168", "message_life_hours = 9000"),
        ("max_message_life_hours = 720", "max_message_life_hours = 1"),
        ("majority_age = 18", "majority_age = 6"),
        ("emergency_disclosure = false", 'emergency_disclosure = "no"'),
        ('rule = "LOCAL_ONLY"', 'rule = "MOSTLY_LOCAL"'),
        ("[residency.HEALTH]", "[residency.WEALTH]"),
        ("checked = false", "checked = 0"),
        ('date = "2026-03-26"', 'date = "recently"'),
        ("EMERGENCY = {", "PANIC = {"),
        ("deliver_s = 900", "deliver_s = 0"),
        ('languages = ["en", "kk",', 'languages = ["kk", "en",'),
        ("[scope]", "[scope"),
        ("audit_quorum = 2\n", ""),
        ("audit_quorum = 2", "audit_quorum = 17"),
        ("audit_quorum = 2", "audit_quorum = -1"),
        ("audit_quorum = 2", "audit_quorum = true"),
        ("stamps = 2", "stamps = 0"),
        ("stamps = 2", "stamps = 3"),
        ('notice_id = "referral-1"', 'notice_id = ""'),
        ('papers = ["ID_CARD"]', 'papers = ["Identity card"]'),
        ('papers = ["ID_CARD"]', "papers = [7]"),
        ('[[travel]]\ncountry = "kg"', '[[travel]]\ncountry = "KG"'),
    ],
)
def test_a_policy_of_another_shape_is_refused(old: str, new: str) -> None:
    """Unknown words and fields, missing parts and senseless numbers."""
    assert old in TEXT
    with pytest.raises(MalformedError):
        compile_policy(TEXT.replace(old, new, 1))


def test_an_identity_card_suffices_between_kg_and_uz_only() -> None:
    """Both policies name it for this way; on every other a passport, return certificate or laissez-passer is needed."""
    texts = ((KEYS / "policies" / f"{country}.toml").read_text("utf-8") for country in COUNTRIES)
    policies = {policy.country: policy for policy in (parse_policy(compile_policy(text)) for text in texts)}
    for one, other in permutations(policies, 2):
        by_policy = ("ID_CARD",) if {one, other} == {"kg", "uz"} else ()
        assert accepted(policies, one, other) == (*EVERYWHERE, *by_policy)
    assert accepted(policies, CountryCode("kg"), CountryCode("xx")) == EVERYWHERE


def test_a_country_stands_once_among_journeys() -> None:
    """Two lists for one way would let the order of lines decide."""
    value = json.loads(compile_policy(TEXT))
    value["travel"] *= 2
    with pytest.raises(MalformedError, match="twice"):
        parse_policy(dumps(value))


def test_a_notice_stands_once() -> None:
    """Two texts under one id would let one consent mean two things."""
    value = json.loads(compile_policy(TEXT))
    value["notices"] *= 2
    with pytest.raises(MalformedError, match="twice"):
        parse_policy(dumps(value))


def test_a_policy_file_is_canonical() -> None:
    """The compiled file is what parses; another spelling is not."""
    with pytest.raises(RefbusError) as caught:
        parse_policy(compile_policy(TEXT) + b"\n")
    assert caught.value.code is Code.NOT_CANONICAL
