"""What a transaction of an office reads once, notes once, and hands over as it was read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from refbus.core.ids import OrgId, ReferralId
from refbus.crypto.secretbox import StateKey
from refbus.errors import Code, RuleError
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.store import cases, erasures, outbox, positions, referrals
from refbus_gateway.store.session import Store, Transaction

NOW_MS = 1_790_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give an empty store."""
    made = Store(tmp_path / "store.db", StateKey(bytes(range(32))))
    yield made
    made.close()


def count_reads(tx: Transaction, of: str) -> list[str]:
    """Return a list that grows with each statement of a transaction that names a table in this way."""
    heard = list[str]()

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if of in statement:
            heard.append(statement)

    event.listen(tx.connection, "before_cursor_execute", hear)
    return heard


def test_the_row_of_a_case_is_read_once_in_a_transaction(store: Store) -> None:
    """And again when it was changed, by whatever change, so that nobody goes on with what was."""
    with store.write() as tx:
        case = cases.create(tx, b"name", {"text": "before"}, own=True, now_ms=NOW_MS)
    with store.write() as tx:
        heard = count_reads(tx, "FROM cases")
        for _ in range(3):
            cases.get(tx, case.id).require_live()
            assert cases.body_of(tx, case) == {"text": "before"}
        assert len(heard) == 1
        cases.replace_body(tx, case, {"text": "after"})
        assert cases.body_of(tx, case) == {"text": "after"}
        cases.order_erasure(tx, case, NOW_MS)
        assert not cases.get(tx, case.id).live
        erasures.destroy(tx, case, NOW_MS)
        assert cases.get(tx, case.id).key is None
    with store.read() as tx:
        assert cases.get(tx, case.id).key is None


def test_what_belongs_to_a_case_is_read_once_in_a_transaction(store: Store) -> None:
    """A referral and the names towards an organisation; not beyond a savepoint that failed, nor an erasure."""
    org = OrgId("uz-she1ter1")
    with store.write() as tx:
        case = cases.create(tx, b"name", {}, own=True, now_ms=NOW_MS)
        party = cases.counterpart(tx, case, org)
        number = referrals.create(tx, party, ReferralId(bytes(16)), own=True, now_ms=NOW_MS).id
    with store.write() as tx:
        heard = [count_reads(tx, f"FROM {table}") for table in ("referrals", "counterparts")]
        for _ in range(3):
            assert referrals.get(tx, number).org == org
            assert cases.counterpart(tx, case, org) == party
        assert [len(each) for each in heard] == [1, 1]
        with pytest.raises(ZeroDivisionError), tx.savepoint():
            _refer_and_fail(tx, party, number + 1)
        with pytest.raises(RuleError, match=Code.REFERRAL_UNKNOWN):
            referrals.get(tx, number + 1)
        erasures.destroy(tx, case, NOW_MS)
        with pytest.raises(RuleError, match=Code.KEY_DESTROYED):
            referrals.get(tx, number)


def _refer_and_fail(tx: Transaction, party: cases.Counterpart, number: int) -> None:
    made = referrals.create(tx, party, ReferralId(bytes([1] * 16)), own=True, now_ms=NOW_MS)
    assert referrals.get(tx, number) == made
    raise ZeroDivisionError


def test_a_record_is_noted_as_seen_once(store: Store) -> None:
    """However often it comes: a notice and an event of the same bytes are two."""
    with store.write() as tx:
        for kind in (InboxKind.EVENT, InboxKind.NOTICE, InboxKind.EVENT):
            positions.note_seen(tx, InboxRecord(kind, 1, b"bytes"))
            assert positions.has_seen(tx, InboxRecord(kind, 2, b"bytes"))
        assert tx.connection.execute(text("SELECT count(*) FROM inbox_seen")).scalar_one() == 2


def test_rows_that_changed_meanwhile_are_not_handed_over(store: Store) -> None:
    """Whoever hands some over hears whether all of them are still to be sent as they were read."""
    with store.write() as tx:
        one, two = (outbox.add(tx, "uz.outbox", value, now_ms=NOW_MS) for value in (b"one", b"two"))
        assert outbox.hand_over(tx, [one], NOW_MS)
        assert not outbox.hand_over(tx, [one, two], NOW_MS)
        three = outbox.add(tx, "uz.outbox", b"three", now_ms=NOW_MS)
        outbox.set_state(tx, three, outbox.RowState.REPLACED)
        assert not outbox.hand_over(tx, [three], NOW_MS)
        handed = {row.id: row.handed_ms for row in (outbox.get(tx, each) for each in (one, two, three)) if row}
    assert handed == {one: NOW_MS, two: NOW_MS, three: None}
