"""The store of a gateway: sealed, keyed, transactional, and unreadable once a case key is gone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, text

from refbus.core.ids import OrgId
from refbus.crypto.secretbox import StateKey
from refbus.errors import Code, RefbusError, RowError, RuleError, SetupError, StoreError, UncheckableError
from refbus.said import named, placed, said
from refbus_gateway.home import erased_again
from refbus_gateway.home.folder import Home
from refbus_gateway.store import alarms, cases, erasures, schema
from refbus_gateway.store.session import Store, Transaction
from refbus_gateway.store.vault import Vault, join, split
from refbus_gateway.words.catalogue import catalogue

KEY = StateKey(bytes(range(32)))
NOW_MS = 1_790_000_000_000
CANARY = "Қалқан-сынақ-сөзі"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give an empty store."""
    made = Store(tmp_path / "store.db", KEY)
    yield made
    made.close()


def new_case(store: Store, name: bytes = b"name", **body: Any) -> cases.Case:
    """Add a case."""
    with store.write() as tx:
        return cases.create(tx, name, body, own=True, now_ms=NOW_MS)


def test_the_migrations_make_the_tables_of_the_schema(store: Store) -> None:
    """What is migrated and what is declared do not differ."""
    with store.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx.connection), schema.metadata) == []


def test_the_file_is_safe_against_a_power_cut_and_other_accounts(store: Store, tmp_path: Path) -> None:
    """WAL, synchronous FULL, erased pages overwritten, mode 0600."""
    for begin in (store.read, store.write):
        with begin() as tx:
            found = {
                name: tx.connection.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
            }
        assert found == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1}
    assert (tmp_path / "store.db").stat().st_mode & 0o777 == 0o600


def test_nothing_readable_is_in_the_file(store: Store, tmp_path: Path) -> None:
    """Neither the body of a case nor the name of an organisation stands in the file or its log."""
    case = new_case(store, note=CANARY)
    with store.write() as tx:
        cases.counterpart(tx, case, OrgId("uz-she1ter1"))
    content = b"".join(path.read_bytes() for path in tmp_path.glob("store.db*"))
    assert CANARY.encode() not in content
    assert b"uz-she1ter1" not in content


def test_a_case_reads_back(store: Store) -> None:
    """What was kept comes back, found by its secret name, and can be replaced."""
    made = new_case(store, note=CANARY)
    with store.write() as tx:
        found = cases.find(tx, b"name")
        assert found is not None
        assert (found.id, cases.body_of(tx, found)) == (made.id, {"note": CANARY})
        cases.replace_body(tx, found, {"note": "other"})
        assert cases.body_of(tx, found) == {"note": "other"}
        assert cases.find(tx, b"another") is None


def test_the_names_towards_two_organisations_are_not_joined(store: Store) -> None:
    """Handle and subject reference are random for each pair, and stay what they were."""
    case = new_case(store)
    with store.write() as tx:
        one, two = (cases.counterpart(tx, case, OrgId(org)) for org in ("uz-she1ter1", "kg-she1ter1"))
        again = cases.counterpart(tx, case, OrgId("uz-she1ter1"))
        found = cases.case_of_handle(tx, one.org, one.case_handle)
        stranger = cases.case_of_handle(tx, two.org, one.case_handle)
    assert len({one.case_handle, two.case_handle, one.subject_ref, two.subject_ref}) == 4
    assert again == one
    assert found is not None
    assert stranger is None


def test_destroying_the_key_closes_the_case_for_ever(store: Store, tmp_path: Path) -> None:
    """Nothing of the case opens any more, the handle is still recognised, and the key is not in the file."""
    case = new_case(store, note=CANARY)
    with store.write() as tx:
        party = cases.counterpart(tx, case, OrgId("uz-she1ter1"))
        wrapped = tx.connection.execute(text("SELECT wrapped_key FROM cases")).scalar_one()
        erasures.destroy(tx, case, NOW_MS)
        gone = cases.case_of_handle(tx, party.org, party.case_handle)
        assert gone is not None
        for attempt in (cases.body_of, cases.counterparts_of):
            with pytest.raises(RuleError) as refused:
                attempt(tx, gone)
            assert refused.value.code is Code.KEY_DESTROYED
    store.close()
    assert wrapped not in (tmp_path / "store.db").read_bytes()


def test_the_list_of_erased_cases_erases_again(store: Store, tmp_path: Path) -> None:
    """A case that the list names is destroyed at the next opening; a torn last line is not believed."""
    case = new_case(store)
    kept = new_case(store, b"kept")
    home = Home(tmp_path)
    with store.read() as tx:
        erased_again.note(home, [erased_again.name_of(tx.vault, cases.hash_of(tx, case))])
    with home.erased.open("a") as file:
        file.write("00ff")
    assert erased_again.again(home, store, NOW_MS) == 1
    assert erased_again.again(home, store, NOW_MS) == 0
    with store.read() as tx:
        assert cases.get(tx, case.id).key is None
        assert cases.get(tx, kept.id).key is not None


def test_another_store_key_is_refused(store: Store, tmp_path: Path) -> None:
    """BACKUP_INVALID before anything is written under a key that does not belong to the file."""
    store.close()
    with pytest.raises(SetupError) as refused:
        Store(tmp_path / "store.db", StateKey(bytes(32)))
    assert refused.value.code is Code.BACKUP_INVALID


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not tell which files are open")
def test_a_store_that_is_refused_is_closed(tmp_path: Path) -> None:
    """Nothing of it stays open, though somebody still holds what was raised."""
    path = tmp_path / "store.db"
    Store(path, KEY).close()
    with pytest.raises(SetupError) as _held:
        Store(path, StateKey(bytes(32)))
    opened = [os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert [each for each in opened if each.startswith(str(path))] == []


def test_a_full_disk_keeps_nothing_of_the_transaction(store: Store) -> None:
    """STORE_FULL, and the store goes on with what it had."""

    def fill() -> None:
        with store.write() as tx:
            tx.put("small", b"1")
            tx.connection.execute(text("PRAGMA max_page_count=1"))
            tx.put("large", bytes(10_000_000))

    with pytest.raises(StoreError) as refused:
        fill()
    assert refused.value.code is Code.STORE_FULL
    with store.write() as tx:
        tx.connection.execute(text("PRAGMA max_page_count=1000000"))
        assert tx.get("small") is None


def test_a_damaged_file_is_a_coded_error(tmp_path: Path) -> None:
    """STORE_FAILED, with the kind of fault and no text of the database."""
    (tmp_path / "store.db").write_bytes(b"not a database, " * 1000)
    with pytest.raises(StoreError) as refused:
        Store(tmp_path / "store.db", KEY)
    assert refused.value.code is Code.STORE_FAILED


def test_two_processes_write_one_after_the_other(store: Store, tmp_path: Path) -> None:
    """A second connection waits for the first; both writes are kept, and the first one sees the mark change."""
    other = Store(tmp_path / "store.db", KEY)
    mark = store.change_mark()
    with other.write() as tx:
        tx.put_int("theirs", 1)
    assert store.change_mark() != mark
    with store.write() as tx:
        tx.put_int("ours", 2)
        assert (tx.get_int("theirs"), tx.get_int("ours"), tx.get_int("none")) == (1, 2, 0)
    other.close()


def test_a_backup_copy_is_whole_while_others_write(store: Store, tmp_path: Path) -> None:
    """The copy opens under the same key and has what was committed, not what was under way."""
    new_case(store, note=CANARY)
    other = Store(tmp_path / "store.db", KEY)
    with other.write() as tx:
        tx.put("under way", b"1")
        store.database.copy_to(tmp_path / "copy.db")
    other.close()
    copy = Store(tmp_path / "copy.db", KEY)
    with copy.read() as tx:
        assert tx.get("under way") is None
        assert [cases.body_of(tx, case) for case in cases.every(tx)] == [{"note": CANARY}]
    copy.close()
    with sqlite3.connect(tmp_path / "copy.db") as plain:
        assert plain.execute("PRAGMA quick_check").fetchone() == ("ok",)
    plain.close()


@pytest.mark.parametrize("parts", [(), (b"",), (b"a", b"", b"bc"), (bytes(70_000), b"x")])
def test_parts_are_split_as_they_were_joined(parts: tuple[bytes, ...]) -> None:
    """Lengths go before the parts, so no two lists have the same bytes."""
    assert split(join(*parts), len(parts)) == parts


@pytest.mark.parametrize("data", [b"\0", b"\0\0\0\5abc", join(b"a") + b"x", join(b"a", b"b")])
def test_a_damaged_value_is_told(data: bytes) -> None:
    """HOME_DAMAGED, of this row alone, for bytes that `join` did not make of one part."""
    with pytest.raises(RowError):
        split(data, 1)


def test_a_case_key_opens_only_its_own_row() -> None:
    """A wrapped key moved to another row does not open, and one that is gone is KEY_DESTROYED."""
    vault = Vault(KEY)
    _, wrapped = vault.new_case_key(b"one" * 8)
    with pytest.raises(RefbusError):
        vault.case_key(b"two" * 8, wrapped)
    with pytest.raises(UncheckableError) as gone:
        vault.case_key(b"one" * 8, None)
    assert gone.value.code is Code.KEY_DESTROYED


def test_a_case_key_is_unwrapped_once_in_a_transaction(store: Store) -> None:
    """Read again it is the same key; a row whose key is gone, or of another case, is judged as at the first time."""
    with store.read() as tx:
        key, wrapped = tx.vault.new_case_key(b"one" * 8)
        first = tx.case_key(b"one" * 8, wrapped)
        assert first.secret == key.secret
        assert tx.case_key(b"one" * 8, wrapped) is first
        with pytest.raises(RowError):
            tx.case_key(b"two" * 8, wrapped)
        with pytest.raises(UncheckableError) as gone:
            tx.case_key(b"one" * 8, None)
        assert gone.value.code is Code.KEY_DESTROYED


def test_hashes_are_apart_by_kind_and_by_parts() -> None:
    """The same bytes as another kind, or split otherwise, have another hash."""
    vault = Vault(KEY)
    hashes = {vault.hash("a", b"xy"), vault.hash("b", b"xy"), vault.hash("a", b"x", b"y"), vault.hash("a", b"x")}
    assert len(hashes) == 4


def test_alarms_stand_once_until_they_are_cleared(store: Store) -> None:
    """The same words are not repeated while they stand, and come again after they were cleared."""
    with store.write() as tx:
        for _ in range(2):
            alarms.raise_alarm(tx, Code.INBOX_GAP, named("records 1 to 2"), NOW_MS)
        (alarm,) = alarms.standing_alarms(tx)
        assert alarms.clear_alarm(tx, alarm.id, NOW_MS)
        assert not alarms.clear_alarm(tx, alarm.id, NOW_MS)
        alarms.raise_alarm(tx, Code.INBOX_GAP, named("records 1 to 2"), NOW_MS)
        assert len(alarms.standing_alarms(tx)) == 1


def test_an_alarm_is_said_in_the_language_of_whoever_reads_it(store: Store) -> None:
    """Message and values are kept, those inside of others too; searched and withdrawn is it by its English text."""
    told = placed(
        said("number %(number)s", number=7), said("event %(number)s was not sent again after its restore", number=3)
    )
    with store.write() as tx:
        alarms.raise_alarm(tx, Code.INBOX_GAP, told, NOW_MS)
        (alarm,) = alarms.standing_alarms(tx)
        assert alarm.detail == str(told)
        assert catalogue("ru").spoken(alarm.detail) == "номер 7: событие 3 не отправлено снова после восстановления"
        alarms.withdraw_alarm(tx, Code.INBOX_GAP, str(told), NOW_MS)
        assert not alarms.standing_alarms(tx)


def test_alarms_beyond_a_bound_are_counted_in_words_too(store: Store) -> None:
    """The one that counts the others says so in the reader's language."""
    with store.write() as tx:
        for number in range(23):
            told = said("record %(number)s after record %(last)s", number=number, last=50)
            alarms.raise_of_many(tx, Code.INBOX_COUNT_BACK, said("record"), told, NOW_MS)
        last = alarms.standing_alarms(tx)[-1].detail
    assert (last, catalogue("ru").spoken(last)) == ("record: and 3 more", "запись: и ещё 3")


@pytest.mark.parametrize(
    "words",
    [
        None,
        "",
        "[]",
        "{",
        '{"message": "%(a)s", "context": null, "values": {}}',
        '{"message": "", "values": []}',
        "[" * 9999,
    ],
)
def test_an_old_or_damaged_alarm_stays_readable(store: Store, words: str | None) -> None:
    """A row from before there were words, or whose words are damaged, has its English text."""
    with store.write() as tx:
        row = {"code": Code.INBOX_GAP, "detail": "records 1 to 2, 100 %", "words": words, "at_ms": NOW_MS}
        tx.connection.execute(insert(schema.alarms).values(row))
        (alarm,) = alarms.standing_alarms(tx)
    assert catalogue("ru").spoken(alarm.detail) == "records 1 to 2, 100 %"


def test_a_row_that_was_rolled_back_is_not_remembered(store: Store) -> None:
    """What was read inside a savepoint counts while that is open: neither a case that never was, nor its erasure."""
    case = new_case(store)
    with store.write() as tx:
        made = case.id + 1
        with pytest.raises(ZeroDivisionError), tx.savepoint():
            _make_order_and_fail(tx, case, made)
        assert cases.get(tx, case.id).live
        with pytest.raises(RuleError, match=Code.CASE_UNKNOWN):
            cases.get(tx, made)
        with tx.savepoint():
            cases.order_erasure(tx, case, NOW_MS)
            with pytest.raises(ZeroDivisionError), tx.savepoint():
                _read_and_fail(tx, case)
            assert not cases.get(tx, case.id).live
        assert not cases.get(tx, case.id).live


def _make_order_and_fail(tx: Transaction, case: cases.Case, number: int) -> None:
    made = cases.create(tx, b"other", {}, own=True, now_ms=NOW_MS)
    assert made.id == number
    cases.order_erasure(tx, case, NOW_MS)
    assert (cases.get(tx, made.id).live, cases.get(tx, case.id).live) == (True, False)
    raise ZeroDivisionError


def _read_and_fail(tx: Transaction, case: cases.Case) -> None:
    assert not cases.get(tx, case.id).live
    raise ZeroDivisionError
