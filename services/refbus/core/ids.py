"""Small typed values that name things. Ids are opaque: nothing about a person or a case can be read from one."""

from __future__ import annotations

import re
from typing import NewType

from refbus.errors import Code, MalformedError
from refbus.said import said

OrgId = NewType("OrgId", str)
"""Opaque id of an organisation, e.g. "kz-4f7k2m9q": country code, hyphen, 8 characters of Crockford base 32.

The prefix is for people; the country that counts is the one that the directory states."""
CountryCode = NewType("CountryCode", str)
"""ISO 3166-1 alpha-2, lower case."""
KeyId = NewType("KeyId", bytes)
"""16 bytes: the first half of SHA-256 over the labelled public key."""
MessageId = NewType("MessageId", bytes)
"""16 random bytes, new for each envelope."""
EventId = NewType("EventId", bytes)
"""16 random bytes, the same when an event is sealed again."""
ReferralId = NewType("ReferralId", bytes)
"""16 random bytes."""
ConsentId = NewType("ConsentId", bytes)
"""16 random bytes."""
CaseHandle = NewType("CaseHandle", bytes)
"""32 random bytes, one per (case, recipient organisation): two recipients cannot join what they know."""
SubjectRef = NewType("SubjectRef", bytes)
"""32 random bytes, one per (person, recipient organisation)."""

_ORG = re.compile(r"[a-z]{2}-[0-9a-hjkmnp-tv-z]{8}")
_GATE = re.compile(r"[a-z]{2}-gate")
_COUNTRY = re.compile(r"[a-z]{2}")


def parse_org_id(text: str) -> OrgId:
    """Return `text` as an organisation id (a country's gate, "kz-gate", counts as one). Raises MalformedError."""
    if _ORG.fullmatch(text) or _GATE.fullmatch(text):
        return OrgId(text)
    raise MalformedError(Code.MALFORMED, said("organisation id"))


def parse_country(text: str) -> CountryCode:
    """Return `text` as a country code. Raises MalformedError."""
    if _COUNTRY.fullmatch(text):
        return CountryCode(text)
    raise MalformedError(Code.MALFORMED, said("country code"))


def gate_id(country: CountryCode) -> OrgId:
    """Return the id under which the gate of `country` signs."""
    return OrgId(f"{country}-gate")


def country_of(org: OrgId) -> CountryCode:
    """Return the country whose organisation this is, as its id says."""
    return CountryCode(org[:2])
