"""Asking whom one can refer to."""

from __future__ import annotations

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


def find(
    desk: Desk, actor: Actor, *, country: str | None = None, service: str | None = None, language: str | None = None
) -> tuple[Member, ...]:
    """Return active organisations that can receive, by country, service and language, sorted for reading.

    Raises UncheckableError: DIRECTORY_INVALID, DIRECTORY_EXPIRED.
    """
    actor.require(Permission.READ_STATUS)
    now_ms = desk.gateway.now_ms()
    found = [
        each
        for each in desk.gateway.directory().organisations.values()
        if each.services
        and each.status is OrgStatus.ACTIVE
        and each.current_kem_key(now_ms)
        and country in {None, each.country}
        and (service is None or service in each.services)
        and (language is None or language in each.languages)
    ]
    return tuple(_member(each) for each in sorted(found, key=lambda each: (each.country, each.label)))


def show(desk: Desk, actor: Actor, org: OrgId) -> Member:
    """Return one organisation. Raises UncheckableError ORGANISATION_UNKNOWN."""
    actor.require(Permission.READ_STATUS)
    return _member(desk.gateway.organisation(org))


def _member(each: Organisation) -> Member:
    services, languages = tuple(each.services), tuple(each.languages)
    return Member(each.org_id, each.country, each.role, each.status, each.label, services, languages)
