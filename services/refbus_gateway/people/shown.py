"""Somebody of this organisation as the others are shown the person: nothing secret."""

from __future__ import annotations

from dataclasses import dataclass

from refbus_gateway.home import slots
from refbus_gateway.home.folder import Home
from refbus_gateway.people.roles import Role
from refbus_gateway.people.users import Person, State


@dataclass(frozen=True, slots=True)
class PersonShown:
    """Somebody of this organisation. `opens`: has a key slot, so may sign in; `codes`: uses one-time codes.

    `provisional`: somebody else set the passphrase, and the person did not change it yet.
    """

    person: str
    name: str
    shown: str
    role: Role
    language: str
    state: State
    created_ms: int
    opens: bool
    codes: bool
    provisional: bool


def shown(home: Home, person: Person) -> PersonShown:
    """Return how somebody is shown."""
    told = person.person_id, person.name, person.shown, person.role, person.language, person.state, person.created_ms
    opens, codes = person.person_id in slots.ids(home), bool(person.secret)
    return PersonShown(*told, opens=opens, codes=codes, provisional=person.provisional)
