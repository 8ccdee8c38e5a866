"""A federation written down by people: TOML that names countries and organisations (docs/operators/add-a-country.md).

    threshold = 3                      # of the national anchors; left out: three of four

    [[country]]
    code = "kz"
    policy = "kz.toml"                 # beside this file; left out: keys/policies/<code>.toml

    [[organisation]]
    id = "kz-agency01"                 # left out: a random one
    country = "kz"
    role = "NATIONAL_AGENCY"           # NGO, EMBASSY, AUDITOR, INSPECTOR
    label = "Fictional referral agency"
    services = ["Legal"]
    languages = ["kk", "ru"]
    echoes = true                      # left out: false. It answers practice by itself; no real case can go there

Every country gets a gate, and an auditor and an inspector unless it names its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refbus.core.directory import OrgRole
from refbus.core.documents import read_toml
from refbus.core.ids import CountryCode, OrgId, gate_id, parse_country, parse_org_id
from refbus.core.vocabulary import member
from refbus.errors import Code, MalformedError
from refbus.files import read_limited
from refbus.resources import data_dir
from refbus.trust.canonical import Fields
from refbus.trust.layout import MAX_COUNTRIES
from refbus.trust.member.enrolment import Profile, new_org_id
from refbus.trust.member.policy import compile_policy, refuse_placeholders

MAX_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Description:
    """Countries with their compiled policies, members, and how many anchors must sign."""

    threshold: int
    policies: dict[CountryCode, bytes]
    members: tuple[Profile, ...]


def default_threshold(anchors: int) -> int:
    """Return three of four, rounded so that one anchor of four or more may be away and two are never enough of four."""
    return max(1, anchors - anchors // 4)


def read_description(path: Path) -> Description:
    """Return the description in a TOML file. Raises SetupError FILE_UNREADABLE or MalformedError."""
    return parse_description(_read(path), path.parent)


def parse_description(text: str, folder: Path) -> Description:
    """Return what `text` describes.

    Policy files are looked up in `folder`, then in keys/policies. Raises MalformedError.
    """
    value = read_toml(text)
    refuse_placeholders(value, "federation")
    fields = Fields(value, "federation")
    countries = dict(fields.items("country", lambda item: _country(item, folder), MAX_COUNTRIES))
    members = fields.items("organisation", _organisation, 4_000) if "organisation" in fields else ()
    most = max(1, len(countries))
    threshold = fields.integer("threshold", 1, most) if "threshold" in fields else default_threshold(len(countries))
    fields.done()
    every = (*members, *(profile for country in countries for profile in _offices(country, members)))
    ids = {profile.org_id for profile in every}
    if not countries or len(ids) != len(every) or any(profile.country not in countries for profile in every):
        raise MalformedError(Code.MALFORMED, "federation: a country is missing, or an id stands twice")
    return Description(threshold, countries, every)


def _country(value: object, folder: Path) -> tuple[CountryCode, bytes]:
    fields = Fields(value, "country")
    code = parse_country(fields.text("code"))
    path = data_dir("keys") / "policies" / f"{code}.toml"
    if "policy" in fields:
        path = folder / fields.text("policy")
    fields.done()
    return code, compile_policy(_read(path))


def _organisation(value: object) -> Profile:
    fields = Fields(value, "organisation")
    country = parse_country(fields.text("country"))
    org_id = parse_org_id(fields.text("id")) if "id" in fields else new_org_id(country)
    role = member(OrgRole, fields.text("role"))
    label = fields.text("label")
    services = _words(fields, "services")
    languages = _words(fields, "languages")
    echoes = "echoes" in fields and fields.flag("echoes")
    fields.done()
    if role is OrgRole.GATE:
        raise MalformedError(Code.MALFORMED, "organisation: gates are made for every country")
    return Profile(org_id, country, role, label, services, languages, echoes)


def _words(fields: Fields, name: str) -> tuple[str, ...]:
    if name not in fields:
        return ()
    return fields.items(name, lambda item: Fields({name: item}, "organisation").text(name, 80), 50)


def _offices(country: CountryCode, members: tuple[Profile, ...]) -> list[Profile]:
    roles = {profile.role for profile in members if profile.country == country}
    offices = [_office(gate_id(country), country, OrgRole.GATE)]
    offices += [
        _office(new_org_id(country), country, role)
        for role in (OrgRole.AUDITOR, OrgRole.INSPECTOR)
        if role not in roles
    ]
    return offices


def _office(org_id: OrgId, country: CountryCode, role: OrgRole) -> Profile:
    return Profile(org_id, country, role, f"{role.capitalize()} of {country}")


def _read(path: Path) -> str:
    content = read_limited(path, MAX_BYTES)
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise MalformedError(Code.MALFORMED, f"{path.name}: not UTF-8") from None
