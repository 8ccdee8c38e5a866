"""Asking whom one can refer to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from refbus.core.directory import Directory, Organisation, OrgRole, OrgStatus
from refbus.core.ids import CountryCode, OrgId
from refbus.errors import Code, MalformedError
from refbus.said import Said, said
from refbus.wire.codelists import code_list
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.actions.profiles import ProfileShown, shown_of
from refbus_gateway.words.contacts import language_code
from refbus_gateway.words.isonames import SPOKEN
from refbus_gateway.words.names import nearest_code


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation as the directory in force describes it; `languages`: also those of its own profile."""

    org_id: OrgId
    country: CountryCode
    role: OrgRole
    status: OrgStatus
    label: str
    services: tuple[str, ...]
    languages: tuple[str, ...]
    profile: ProfileShown | None


@dataclass(frozen=True, slots=True)
class Fitting:
    """An organisation that may fit: which of the services that are needed it `offers`, which it `lacks`."""

    member: Member
    offers: tuple[str, ...]
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom a person can be referred to: those that offer something of what is needed, most of it first, and `others`.

    `country_known`: some organisation there can receive.
    """

    fitting: tuple[Fitting, ...]
    others: tuple[Fitting, ...]
    country_known: bool


def find(
    desk: Desk,
    actor: Actor,
    *,
    country: str | None = None,
    service: str | None = None,
    language: str | None = None,
    serves: str | None = None,
) -> tuple[Member, ...]:
    """Return active organisations that can receive, by country, service, language and whom they serve, sorted.

    Small and capital letters are the same; a language has any usual code, or its name. Raises MalformedError
    UNKNOWN_VALUE for a language that nobody knows; UncheckableError: DIRECTORY_INVALID, DIRECTORY_EXPIRED.
    """
    actor.require(Permission.READ_STATUS)
    directory = desk.gateway.directory()
    wanted = [each for each in directory.countries() if _among(country, [each])]
    found = [each for code in wanted for each in _receiving(desk, directory, code) if _among(service, each.services)]
    said = shown_of(desk, actor, [each.org_id for each in found])
    members = (
        _member(each, said.get(each.org_id)) for each in sorted(found, key=lambda each: (each.country, each.label))
    )
    wished = None if language is None else _language(language)
    return tuple(each for each in members if _speaks(each, wished) and _serves(each, serves))


def _receiving(desk: Desk, directory: Directory, country: CountryCode) -> Iterator[Organisation]:
    """Yield the organisations of a country that can receive now; each is read when it is its turn."""
    now_ms = desk.gateway.now_ms()
    for each in directory.members_of(country):
        if each.services and each.status is OrgStatus.ACTIVE and each.current_kem_key(now_ms):
            yield each


def _among(wished: str | None, there: Iterable[str]) -> bool:
    return wished is None or wished.casefold() in {each.casefold() for each in there}


def _language(wished: str) -> str:
    found = language_code(wished)
    if found is None:
        nearest = nearest_code(SPOKEN, wished)
        if nearest is None:
            raise MalformedError(Code.UNKNOWN_VALUE, said("no such language"))
        known = code_list(SPOKEN)
        words = Said(known.codes[nearest], SPOKEN)
        raise MalformedError(
            Code.UNKNOWN_VALUE,
            said("no such language; did you mean %(nearest)s (%(words)s)?", nearest=nearest, words=words),
        )
    return found


def _speaks(member: Member, language: str | None) -> bool:
    return language is None or language in {language_code(each) or each for each in member.languages}


def _serves(member: Member, wished: str | None) -> bool:
    return wished is None or (member.profile is not None and _among(wished, member.profile.serves))


def countries(desk: Desk, actor: Actor) -> tuple[CountryCode, ...]:
    """Return the countries in which another organisation can receive. Raises as `find` does."""
    actor.require(Permission.READ_STATUS)
    directory = desk.gateway.directory()

    def has_another(country: CountryCode) -> bool:
        return any(each.org_id != actor.org for each in _receiving(desk, directory, country))

    return tuple(filter(has_another, directory.countries()))


def choose(desk: Desk, actor: Actor, *, country: str, services: Collection[str], language: str | None = None) -> Choice:
    """Return the other organisations of a country by how much of what is needed they offer. Raises as `find` does."""
    actor.require(Permission.READ_STATUS)
    there = [each for each in find(desk, actor, country=country) if each.org_id != actor.org]
    wished = None if language is None else _language(language)
    spoken = [_fitting(each, services) for each in there if _speaks(each, wished)]
    spoken.sort(key=lambda each: (-len(each.offers), each.member.label))
    fitting = tuple(each for each in spoken if each.offers)
    return Choice(fitting, tuple(each for each in spoken if not each.offers), bool(there))


def show(desk: Desk, actor: Actor, org: OrgId) -> Member:
    """Return one organisation. Raises UncheckableError ORGANISATION_UNKNOWN."""
    actor.require(Permission.READ_STATUS)
    return _member(desk.gateway.organisation(org), shown_of(desk, actor, [org]).get(org))


def _fitting(member: Member, services: Collection[str]) -> Fitting:
    offers = tuple(each for each in services if each in member.services)
    return Fitting(member, offers, tuple(each for each in services if each not in offers))


def _member(each: Organisation, profile: ProfileShown | None) -> Member:
    said = () if profile is None else profile.languages
    languages = sorted({language_code(one) or one for one in (*each.languages, *said)})
    services = tuple(each.services)
    return Member(each.org_id, each.country, each.role, each.status, each.label, services, tuple(languages), profile)
