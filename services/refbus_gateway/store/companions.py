"""Which courses that came in belong together: by the references that their sender gave for the others."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, delete, insert, select

from refbus.core.ids import OrgId
from refbus.database.prepared import Prepared
from refbus_gateway.store.schema import cases, companions, referrals
from refbus_gateway.store.session import Transaction

_DROP = Prepared(delete(companions).where(companions.c.referral_id == bindparam("number")))


def keep(tx: Transaction, referral: int, sender: OrgId, references: Collection[bytes]) -> None:
    """Keep the references of a course in place of what it had."""
    _DROP.once(tx.connection, {"number": referral})
    rows = [{"referral_id": referral, "reference_hash": _hash(tx, sender, each)} for each in sorted(set(references))]
    if rows:
        tx.connection.execute(insert(companions), rows)


def others(tx: Transaction, referral: int, sender: OrgId, references: Collection[bytes]) -> dict[bytes, int]:
    """Return by reference the newest other course here that has it too, of a case that was not erased."""
    hashes = {_hash(tx, sender, each): each for each in references}
    if not hashes:
        return {}
    query = (
        select(companions.c.reference_hash, companions.c.referral_id)
        .join(referrals, referrals.c.id == companions.c.referral_id)
        .join(cases, cases.c.id == referrals.c.case_id)
        .where(companions.c.reference_hash.in_(list(hashes)), companions.c.referral_id != referral)
        .where(cases.c.wrapped_key.is_not(None), cases.c.erasing_ms.is_(None))
        .order_by(companions.c.referral_id)
    )
    return {hashes[bytes(row.reference_hash)]: row.referral_id for row in tx.connection.execute(query)}


def forget_case(tx: Transaction, number: int) -> None:
    """Keep nothing of the courses of a case that goes."""
    of_case = select(referrals.c.id).where(referrals.c.case_id == number)
    tx.connection.execute(delete(companions).where(companions.c.referral_id.in_(of_case)))


def _hash(tx: Transaction, sender: OrgId, reference: bytes) -> bytes:
    return tx.vault.hash("companion", sender.encode(), reference)
