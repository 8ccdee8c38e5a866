"""Asking whom one can refer to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from refbus.core.directory import Organisation, OrgRole, OrgStatus
from refbus.core.ids import CountryCode, OrgId
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation as the directory in force describes it."""

    org_id: OrgId
    country: CountryCode
    role: OrgRole
    status: OrgStatus
    label: str
    services: tuple[str, ...]
    languages: tuple[str, ...]


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
    desk: Desk, actor: Actor, *, country: str | None = None, service: str | None = None, language: str | None = None
) -> tuple[Member, ...]:
    """Return active organisations that can receive, by country, service and language, sorted for reading.

    Small and capital letters are the same. Raises UncheckableError: DIRECTORY_INVALID, DIRECTORY_EXPIRED.
    """
    actor.require(Permission.READ_STATUS)
    now_ms = desk.gateway.now_ms()
    found = [
        each
        for each in desk.gateway.directory().organisations.values()
        if each.services
        and each.status is OrgStatus.ACTIVE
        and each.current_kem_key(now_ms)
        and _among(country, [each.country])
        and _among(service, each.services)
        and _among(language, each.languages)
    ]
    return tuple(_member(each) for each in sorted(found, key=lambda each: (each.country, each.label)))


def _among(wished: str | None, there: Iterable[str]) -> bool:
    return wished is None or wished.casefold() in {each.casefold() for each in there}


def countries(desk: Desk, actor: Actor) -> tuple[CountryCode, ...]:
    """Return the countries in which another organisation can receive. Raises as `find` does."""
    actor.require(Permission.READ_STATUS)
    return tuple(sorted({each.country for each in find(desk, actor) if each.org_id != actor.org}))


def choose(desk: Desk, actor: Actor, *, country: str, services: Collection[str], language: str | None = None) -> Choice:
    """Return the other organisations of a country by how much of what is needed they offer. Raises as `find` does."""
    actor.require(Permission.READ_STATUS)
    there = [each for each in find(desk, actor, country=country) if each.org_id != actor.org]
    spoken = [_fitting(each, services) for each in there if _among(language, each.languages)]
    spoken.sort(key=lambda each: (-len(each.offers), each.member.label))
    fitting = tuple(each for each in spoken if each.offers)
    return Choice(fitting, tuple(each for each in spoken if not each.offers), bool(there))


def show(desk: Desk, actor: Actor, org: OrgId) -> Member:
    """Return one organisation. Raises UncheckableError ORGANISATION_UNKNOWN."""
    actor.require(Permission.READ_STATUS)
    return _member(desk.gateway.organisation(org))


def _fitting(member: Member, services: Collection[str]) -> Fitting:
    offers = tuple(each for each in services if each in member.services)
    return Fitting(member, offers, tuple(each for each in services if each not in offers))


def _member(each: Organisation) -> Member:
    services, languages = tuple(each.services), tuple(each.languages)
    return Member(each.org_id, each.country, each.role, each.status, each.label, services, languages)
