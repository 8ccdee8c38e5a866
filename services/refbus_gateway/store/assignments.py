"""Which person of the organisation works on which case. It says nothing about the case; erasing leaves the row."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update

from refbus_gateway.store.schema import assignments
from refbus_gateway.store.session import Transaction


def assign(tx: Transaction, case_id: int, person_id: str | None, now_ms: int) -> None:
    """Give a case to a person, or to nobody."""
    if person_id is None:
        tx.connection.execute(delete(assignments).where(assignments.c.case_id == case_id))
        return
    values = {"person_id": person_id, "since_ms": now_ms}
    changed = tx.connection.execute(update(assignments).where(assignments.c.case_id == case_id).values(**values))
    if changed.rowcount == 0:
        tx.connection.execute(insert(assignments).values(case_id=case_id, **values))


def cases_of(tx: Transaction, person_id: str) -> list[int]:
    """Return the cases of a person, the newest first."""
    query = select(assignments.c.case_id).where(assignments.c.person_id == person_id)
    return list(tx.connection.execute(query.order_by(assignments.c.case_id.desc())).scalars())
