"""Which audit entries of a node are about which case: kept until the case is forgotten, to erase them with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from refbus.database.prepared import AnyOf, Prepared
from refbus.node.store.sound import is_sound
from refbus.node.store.tables import audited, audited_case

_KEY_BYTES, _ID_BYTES = 32, 16
_ADD = Prepared(insert(audited).values(case_key=bindparam("case_key"), decision_id=bindparam("decision_id")))
_DROP_CASE = Prepared(delete(audited_case).where(audited_case.c.case_key == bindparam("its_key")))
_ADD_CASE = Prepared(
    insert(audited_case).values(case_key=bindparam("case_key"), keep_until_ms=bindparam("keep_until_ms"))
)
_DROP = Prepared(delete(audited).where(audited.c.case_key == bindparam("its_key")))
_OF = AnyOf(select(audited.c.decision_id), audited.c.case_key)


def add(connection: Connection, entries: Iterable[tuple[bytes, bytes, int]]) -> None:
    """Note entries as (case key, decision id, keep until, UTC ms), each once; the case is kept that long again."""
    noted = list(entries)
    rows = [{"case_key": key, "decision_id": decision} for key, decision in {each[:2] for each in noted}]
    until = {key: keep_until_ms for key, _, keep_until_ms in noted}
    _ADD.many(connection, rows)
    _DROP_CASE.many(connection, [{"its_key": key} for key in until])
    _ADD_CASE.many(connection, [{"case_key": key, "keep_until_ms": end_ms} for key, end_ms in until.items()])


def over(connection: Connection, now_ms: int, most: int) -> list[bytes]:
    """Return the keys of cases whose time is over; a damaged key names none."""
    its = audited_case.c
    chosen = select(its.case_key).where(its.keep_until_ms <= now_ms, func.length(its.case_key) == _KEY_BYTES)
    return [row.case_key for row in connection.execute(chosen.limit(most)) if is_sound(row, its.case_key)]


def decisions_of(connection: Connection, case_keys: Sequence[bytes]) -> list[bytes]:
    """Return the decisions about these cases (16 bytes each); a damaged id is nobody's."""
    found = (row.decision_id for row in _OF.rows(connection, case_keys) if is_sound(row, audited.c.decision_id))
    return [each for each in found if len(each) == _ID_BYTES]


def forget(connection: Connection, case_keys: Sequence[bytes]) -> None:
    """Forget these cases."""
    rows = [{"its_key": key} for key in case_keys]
    _DROP.many(connection, rows)
    _DROP_CASE.many(connection, rows)
