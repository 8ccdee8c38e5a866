"""Asking for what organisations say of themselves, and saying it of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from refbus.core.ids import OrgId
from refbus.core.profile import Capacity, LocalText, OpeningHours, Profile, Serves, in_language
from refbus.errors import Code, UncheckableError
from refbus.said import said
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Delivery, Desk
from refbus_gateway.directory import profiles
from refbus_gateway.forms import profilefile
from refbus_gateway.forms.problems import CaseInvalidError

__all__ = ["OwnProfile", "ProfileSaved", "ProfileShown", "save", "set_capacity", "show", "shown_of", "telephones"]


@dataclass(frozen=True, slots=True)
class ProfileShown:
    """What an organisation says of itself; times in ms UTC, hours by the clocks of its country.

    `changed_at_ms`: when somebody there last said that it is so; `old`: longer ago than 90 days. `capacity_at_ms` is 0
    where nothing is stated.
    """

    names: tuple[LocalText, ...]
    telephones: tuple[str, ...]
    hours: tuple[OpeningHours, ...]
    area: tuple[LocalText, ...]
    address: tuple[LocalText, ...]
    capacity: Capacity
    places: int | None
    capacity_at_ms: int
    serves: tuple[Serves, ...]
    languages: tuple[str, ...]
    withdrawal: tuple[LocalText, ...]
    changed_at_ms: int
    old: bool

    def name(self, language: str) -> str:
        """Return the name in a language, or in one that most read; empty for none."""
        return in_language(self.names, language)


@dataclass(frozen=True, slots=True)
class OwnProfile:
    """Our own profile: `file` is what is edited; `handed_on`: our gate has handed this version on.

    `hidden`: no street may stand in it. None: not made.
    """

    organisation: OrgId
    profile: ProfileShown | None
    version: int
    handed_on: bool
    hidden: bool
    file: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ProfileSaved:
    """That a version was signed, and what became of it."""

    organisation: OrgId
    version: int
    delivery: Delivery


def show(desk: Desk, actor: Actor) -> OwnProfile:
    """Return our own profile, and the file to edit it with."""
    actor.require(Permission.READ_STATUS)
    gateway = desk.gateway
    with desk.read() as tx:
        found = profiles.own(gateway, tx)
    hidden = profiles.is_hidden_here(gateway)
    if found is None:
        return OwnProfile(gateway.me, None, 0, handed_on=False, hidden=hidden, file=profilefile.template())
    shown, file = _shown(found.profile, gateway.now_ms()), profilefile.document_of(found.profile)
    return OwnProfile(gateway.me, shown, found.profile.version, found.handed_on, hidden, file)


def preview(desk: Desk, actor: Actor, content: bytes) -> ProfileShown:
    """Return what others would see of a file. Raises CaseInvalidError with every problem."""
    actor.require(Permission.READ_STATUS)
    return _shown(_read(desk, content), desk.gateway.now_ms())


def save(desk: Desk, actor: Actor, content: bytes, *, later: bool = False) -> ProfileSaved:
    """Sign what a file says as our own profile and send it. Raises CaseInvalidError, UncheckableError KEY_UNKNOWN."""
    actor.require(Permission.MANAGE_HOME)
    return _publish(desk, _read(desk, content), later=later)


def set_capacity(
    desk: Desk, actor: Actor, capacity: Capacity, places: int | None, *, later: bool = False
) -> ProfileSaved:
    """Say how much room there is today, and nothing else anew. Raises UncheckableError where there is no profile."""
    actor.require(Permission.ANSWER)
    now_ms = desk.gateway.now_ms()
    with desk.read() as tx:
        found = profiles.own(desk.gateway, tx)
    if found is None:
        raise UncheckableError(Code.PROFILE_REFUSED, said("there is no profile yet"))
    stated = bool(capacity) or places is not None
    changed = replace(found.profile, capacity=capacity, places=places, capacity_at_ms=now_ms if stated else 0)
    _refuse(desk, changed)
    return _publish(desk, changed, later=later)


def shown_of(desk: Desk, actor: Actor, orgs: Iterable[OrgId]) -> Mapping[OrgId, ProfileShown]:
    """Return the profiles that are here, by organisation."""
    actor.require(Permission.READ_STATUS)
    with desk.read() as tx:
        found = profiles.of(desk.gateway, tx, orgs)
    return {org: _shown(each, desk.gateway.now_ms()) for org, each in found.items()}


def telephones(desk: Desk, actor: Actor, orgs: Iterable[OrgId]) -> Mapping[OrgId, str]:
    """Return the duty telephone of each of these organisations that says one, E.164."""
    actor.require(Permission.READ_STATUS)
    found = shown_of(desk, actor, orgs)
    return {org: each.telephones[0] for org, each in found.items() if each.telephones}


def _read(desk: Desk, content: bytes) -> Profile:
    gateway = desk.gateway
    profile = profilefile.read_profile(content, gateway.me, gateway.country, gateway.now_ms())
    _refuse(desk, profile)
    return profile


def _refuse(desk: Desk, profile: Profile) -> None:
    wrong = profilefile.told(profiles.problems(desk.gateway, profile))
    if wrong:
        raise CaseInvalidError(wrong)


def _publish(desk: Desk, profile: Profile, *, later: bool) -> ProfileSaved:
    with desk.write() as tx:
        said = profiles.publish(desk.gateway, tx, profile)
    return ProfileSaved(said.organisation, said.version, desk.deliver(later=later))


def _shown(profile: Profile, now_ms: int) -> ProfileShown:
    return ProfileShown(
        names=profile.names,
        telephones=profile.telephones,
        hours=profile.hours,
        area=profile.area,
        address=profile.address,
        capacity=profile.capacity,
        places=profile.places,
        capacity_at_ms=profile.capacity_at_ms,
        serves=profile.serves,
        languages=profile.languages,
        withdrawal=profile.withdrawal,
        changed_at_ms=profile.changed_at_ms,
        old=profiles.is_old(profile, now_ms),
    )
