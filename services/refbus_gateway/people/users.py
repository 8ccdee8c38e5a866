"""The people of a home as its store knows them: what each is called, in which role, since when.

Whether somebody opens the home at all is decided by key slots (`refbus_gateway.home.slots`); the id is the same.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update

from refbus.core.documents import read_json
from refbus.errors import Code, MalformedError, RowError, RuleError, SetupError
from refbus.said import said
from refbus_gateway.home.slotfile import plain_name
from refbus_gateway.people.roles import Role
from refbus_gateway.store.schema import people
from refbus_gateway.store.session import Transaction

MOST: Final = 512
"""Most people whom a home remembers, those who were locked out among them."""


class State(StrEnum):
    """Whether somebody may sign in."""

    ACTIVE = "ACTIVE"
    LOCKED_OUT = "LOCKED_OUT"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of this organisation. `name`: to sign in with; `shown`: how colleagues call the person; times ms UTC.

    `secret`: of one-time codes, hexadecimal, "" without; `step`: the newest step that was used; `spare`: SHA-256 of the
    spare codes that are left; `pending`: the secret and the spare codes of codes that were not confirmed yet.
    `provisional`: the passphrase was set by somebody else.
    """

    person_id: str
    name: str
    shown: str
    role: Role
    language: str
    state: State
    created_ms: int
    secret: str = field(default="", repr=False)
    step: int = 0
    spare: tuple[str, ...] = field(default=(), repr=False)
    provisional: bool = False
    pending: tuple[str, ...] = field(default=(), repr=False)


def save(tx: Transaction, person: Person) -> None:
    """Keep somebody, new or changed. Raises RuleError TOO_LARGE beyond MOST."""
    values = {"state": person.state.value, "body": _seal(tx, person)}
    changed = tx.connection.execute(update(people).where(people.c.person_id == person.person_id).values(**values))
    if changed.rowcount == 0:
        if len(tx.connection.execute(select(people.c.person_id)).all()) >= MOST:
            raise RuleError(Code.TOO_LARGE, said("a home has at most %(most)s people", most=MOST))
        row = {"person_id": person.person_id, "created_ms": person.created_ms, **values}
        tx.connection.execute(insert(people).values(**row))


def find(tx: Transaction, person_id: str) -> Person | None:
    """Return somebody by id, None when nobody has it."""
    row = tx.connection.execute(select(people).where(people.c.person_id == person_id)).first()
    return None if row is None else _person(tx, row)


def every(tx: Transaction) -> list[Person]:
    """Return everybody, those who were locked out too, the longest here first; nobody whose row is damaged.

    A damaged row is that of somebody who cannot sign in before it is mended; `ids` has it.
    """
    found = list[Person]()
    for row in tx.connection.execute(select(people)):
        with suppress(RowError):
            found.append(_person(tx, row))
    return sorted(found, key=lambda each: (each.created_ms, each.name))


def ids(tx: Transaction, state: State | None = None) -> set[str]:
    """Return the ids of everybody, or of everybody in this state, whether or not the rows can be read."""
    query = select(people.c.person_id)
    return set(tx.connection.execute(query if state is None else query.where(people.c.state == state.value)).scalars())


def named(tx: Transaction, person: str) -> Person:
    """Return somebody by id or by the name to sign in with. Raises SetupError USAGE."""
    plain = plain_name(person)
    found = [each for each in every(tx) if each.person_id == person or each.name == plain]
    active = [each for each in found if each.state is State.ACTIVE] or found
    if not active:
        raise SetupError(Code.USAGE, said("there is no such person: refbus people list"))
    return active[0]


def lock_out_unread(tx: Transaction, person_id: str) -> None:
    """Note that somebody whose row is damaged may not sign in any more."""
    change = update(people).where(people.c.person_id == person_id)
    tx.connection.execute(change.values(state=State.LOCKED_OUT.value))


def forget(tx: Transaction, person_id: str) -> None:
    """Remove somebody who never opened the home."""
    tx.connection.execute(delete(people).where(people.c.person_id == person_id))


def _seal(tx: Transaction, person: Person) -> bytes:
    return tx.vault.seal(b"person/" + person.person_id.encode(), json.dumps(asdict(person)).encode())


def _person(tx: Transaction, row: Row[Any]) -> Person:
    try:
        body = read_json(tx.vault.open(b"person/" + row.person_id.encode(), row.body).decode())
        codes = {name: tuple(body.pop(name, ())) for name in ("spare", "pending")}
        return Person(**{**body, "role": Role(body["role"]), "state": State(row.state), **codes})
    except (KeyError, TypeError, ValueError, MalformedError):
        raise RowError from None
