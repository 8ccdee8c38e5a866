"""Which person of the organisation works on which case, since when, and the note of whoever handed it over.

The note is sealed under the key of the case: erasing the case leaves the row, and no note.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import delete, insert, select, update

from refbus_gateway.store import cases
from refbus_gateway.store.cases import Case
from refbus_gateway.store.schema import assignments
from refbus_gateway.store.session import Transaction

_NOTE: Final = b"assignment-note/"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Whose case it is, since when (ms UTC), and the note that came with it, "" without one."""

    person_id: str
    since_ms: int
    note: str = field(repr=False)


def of_case(tx: Transaction, case: Case) -> Assignment | None:
    """Return whose case it is, None for nobody's."""
    row = tx.connection.execute(select(assignments).where(assignments.c.case_id == case.id)).first()
    if row is None:
        return None
    sealed = row.note if case.key is not None else None
    note = "" if sealed is None else case.open_key().open(_NOTE + cases.hash_of(tx, case), sealed).decode()
    return Assignment(row.person_id, row.since_ms, note)


def assign(tx: Transaction, case: Case, person_id: str | None, note: str, now_ms: int) -> None:
    """Give a case to a person, with a note, or to nobody."""
    if person_id is None:
        tx.connection.execute(delete(assignments).where(assignments.c.case_id == case.id))
        return
    sealed = case.open_key().seal(_NOTE + cases.hash_of(tx, case), note.encode()) if note else None
    values = {"person_id": person_id, "since_ms": now_ms, "note": sealed}
    changed = tx.connection.execute(update(assignments).where(assignments.c.case_id == case.id).values(**values))
    if changed.rowcount == 0:
        tx.connection.execute(insert(assignments).values(case_id=case.id, **values))


def forget_note(tx: Transaction, case_id: int) -> None:
    """Keep no note about a case whose content is erased."""
    tx.connection.execute(update(assignments).where(assignments.c.case_id == case_id).values(note=None))


def cases_of(tx: Transaction, person_id: str) -> list[int]:
    """Return the cases of a person, the newest first."""
    query = select(assignments.c.case_id).where(assignments.c.person_id == person_id)
    return list(tx.connection.execute(query.order_by(assignments.c.case_id.desc())).scalars())
