"""From the audit topic into the log: each entry once, in order, whatever the broker repeats and the process dies of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from refbus.audit.export import read_export
from refbus.audit.leaf import leaf_of
from refbus.bus.port import Record
from refbus.core.directory import Directory, OrgStatus
from refbus.core.units import DAY_MS
from refbus.crypto.framing import sha256
from refbus.database.engine import FileDatabase
from refbus.errors import Code, SetupError, StoreError
from refbus.telemetry.labels import EntryResult
from refbus.tlog.checkpoint import Checkpoint
from refbus.wire.transport import AuditEntry, ErasureOrder
from refbus_auditor import entries as module
from refbus_auditor import ledger
from refbus_auditor.batch import checked_in
from refbus_auditor.export import export
from refbus_auditor.home import KIND, MOST_UNREAD
from refbus_auditor.store.tables import metadata
from support.audit import audit_entry, audit_record
from support.auditors import Auditors
from support.directories import Federation, agency, auditor, gate
from support.logs import mth

pytestmark = pytest.mark.both_stores


@pytest.mark.in_files
def test_the_migrations_make_the_tables(world: Auditors) -> None:
    """What Alembic makes is what the code expects."""
    with world.nodes["kz"].home.database.writing() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_entries_are_logged_in_order(world: Auditors) -> None:
    """What is in the topic is in the log, in the same order, and the log holds by its format alone."""
    written = world.log(5)
    world.settle()
    assert world.nodes["kz"].leaves() == written
    world.nodes["kz"].require_sound()


def test_the_log_grows_over_tiles(world: Auditors) -> None:
    """Batches that end inside, at and behind the border of a tile give the tree that the definition gives."""
    written: list[bytes] = []
    for count in (1, 254, 1, 1, 300, 255):
        written += world.log(count)
        world.settle(4)
        assert Checkpoint.parse(world.nodes["kz"].note().text).root == mth(written)
    world.settle()
    world.nodes["kz"].require_sound()


def test_a_redelivered_record_adds_no_second_leaf(world: Auditors) -> None:
    """The same bytes at another offset, and the same decision sealed again, are duplicates."""
    record = audit_record()
    node = world.nodes["kz"]
    first, again = audit_entry(record), audit_entry(record)
    assert first.leaf == again.leaf
    assert first.sealed_record != again.sealed_record
    for entry in (first, first, again):
        node.bus.put("kz.audit", entry.encode())
    world.settle()
    assert node.leaves() == [first.leaf]
    assert node.core.account().results == {EntryResult.LOGGED: 1, EntryResult.DUPLICATE: 2}


def test_one_decision_with_two_leaves_is_refused(world: Auditors) -> None:
    """A writer cannot say two things under one decision id: the first stays, the second is refused and counted."""
    node = world.nodes["kz"]
    said, other = audit_entry(audit_record()), audit_entry(audit_record(codes=(Code.EXPIRED,)))
    for entry in (said, other):
        node.bus.put("kz.audit", entry.encode())
    world.settle()
    assert node.leaves() == [said.leaf]
    assert node.core.account().results == {EntryResult.LOGGED: 1, EntryResult.REFUSED: 1}


def test_another_writer_cannot_take_a_decision_id(world: Auditors) -> None:
    """Decision ids belong to their writer: using somebody else's first does not keep the real entry out."""
    node = world.nodes["kz"]
    mine = audit_entry(audit_record())
    stolen = world.entry_of(agency("kz"))
    for entry in (stolen, mine):
        node.bus.put("kz.audit", entry.encode())
    world.settle()
    assert node.leaves() == [stolen.leaf, mine.leaf]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda entry: entry.encode()[:-1], Code.MALFORMED),
        (lambda entry: replace(entry, ed25519=bytes(64)).encode(), Code.SIGNATURE_INVALID),
        (lambda entry: replace(entry, leaf=leaf_of(bytes(32), "x", b"y")).encode(), Code.SIGNATURE_INVALID),
        (lambda entry: replace(entry, sealed_record=bytes(100)).encode(), Code.AUDIT_INVALID),
    ],
)
def test_what_is_wrong_is_refused(world: Auditors, spoil: Callable[[AuditEntry], bytes], code: Code) -> None:
    """Each kind of false entry has its code, is counted, and stops nothing."""
    node = world.nodes["kz"]
    told: list[tuple[EntryResult, Code | None]] = []
    node.core.entries = replace(node.core.entries, counted=lambda result, why, _number: told.append((result, why)))
    node.consumer = type(node.consumer)(node.core.topic, node.core.entries, lambda: node.bus.reader("kz.audit"))
    node.consumer.start(None)
    node.bus.put("kz.audit", spoil(audit_entry()))
    good = world.log(1)
    world.settle()
    assert node.leaves() == good
    assert (EntryResult.REFUSED, code) in told
    assert node.core.account().difference == 0


def test_the_writer_must_be_of_this_country(world: Auditors) -> None:
    """A member of another country logs at home."""
    node = world.nodes["kz"]
    entry = world.entry_of(gate("uz"))
    node.bus.put("kz.audit", entry.encode())
    world.settle()
    assert node.core.account().results == {EntryResult.REFUSED: 1}


def test_an_unknown_writer_waits_for_the_directory(world: Auditors) -> None:
    """An entry that arrives before its writer does is not lost; when nobody ever vouches for it, it is refused."""
    node, member = world.nodes["kz"], world.fed.directory.organisations[agency("kz")]
    world.fed = _without(world, agency("kz"))
    node.bus.put("kz.audit", world.entry_of(agency("kz")).encode())
    world.settle()
    assert node.core.account().waiting == 1
    assert node.core.entries.again(moved=True) == 0
    organisations = {**world.fed.directory.organisations, member.org_id: member}
    world.fed = world.fed.next_version(organisations=organisations)
    assert node.core.entries.again(moved=True) == 1
    assert len(node.leaves()) == 1
    assert (node.core.account().waiting, node.core.account().difference) == (0, 0)


def test_nobody_waits_for_ever(world: Auditors) -> None:
    """After thirty days the entry of an unknown writer is refused."""
    node = world.nodes["kz"]
    world.fed = _without(world, agency("kz"))
    node.bus.put("kz.audit", world.entry_of(agency("kz")).encode())
    world.settle()
    world.now_ms += 30 * DAY_MS
    assert node.core.entries.again(moved=True) == 1
    account = node.core.account()
    assert (account.waiting, account.results, account.difference) == (0, {EntryResult.REFUSED: 1}, 0)


def test_a_record_that_breaks_the_code_is_put_aside(world: Auditors, monkeypatch: pytest.MonkeyPatch) -> None:
    """A poison record is refused after three tries; the next one is logged."""
    node = world.nodes["kz"]
    poison = audit_entry(world.record())
    node.bus.put("kz.audit", poison.encode())
    good = world.log(1)

    def broken(record: Record, directory: Directory) -> ledger.NewEntry | ErasureOrder:
        """Fail on one record in a way that no error class stands for."""
        if record.offset == 0:
            raise ZeroDivisionError
        return checked_in(record, directory)

    monkeypatch.setattr(module, "checked_in", broken)
    world.settle()
    assert node.leaves() == good
    assert node.core.account().results == {EntryResult.REFUSED: 1, EntryResult.LOGGED: 1}


def test_a_batch_is_whole_or_not_at_all(world: Auditors, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop inside the transaction leaves neither leaves nor position; the next start logs everything once."""
    node = world.nodes["kz"]
    written = world.log(3)

    def stop(*_arguments: object) -> None:
        """Die before the last statement of the transaction."""
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "_count", stop)
        with pytest.raises(KeyboardInterrupt):
            node.consume()
    node.restart()
    assert node.core.account().read == 0
    world.settle()
    assert node.leaves() == written


def test_a_new_half_year_is_a_new_log(world: Auditors) -> None:
    """Entries go to the log of the day; one that is over stays as it is, and a clock set back opens it no more."""
    node = world.nodes["kz"]
    first = world.log(2)
    world.settle()
    before, old = node.log_folder(), node.note().text
    world.now_ms += 120 * DAY_MS
    second = world.log(3)
    world.settle()
    assert node.log_folder() != before
    assert node.leaves() == second
    node.require_sound()
    world.now_ms -= 120 * DAY_MS
    third = world.log(1)
    world.settle()
    assert node.leaves() == second + third
    assert node.note().text == old
    assert len(first) == 2


def test_a_clock_that_runs_ahead_opens_no_log_without_a_key(world: Auditors) -> None:
    """What is logged in a half-year for which the directory has no key goes on in the present log, and is proven."""
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    present, now_ms = node.origin(), world.now_ms
    world.now_ms += 20 * 365 * DAY_MS
    node.core.log_directory([("metadata/timestamp.json", b"one")])
    world.now_ms = now_ms
    world.log(1)
    world.settle()
    assert [(each.origin, each.proven) for each in node.core.shards()] == [(present, 3)]
    node.require_sound()


def test_an_auditor_that_is_suspended_goes_on_logging(world: Auditors) -> None:
    """While the directory has no keys of this log nothing can be proven; nothing is lost and nothing stops either."""
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    assert node.core.shards_ahead() == 3
    world.fed = world.fed.changed(auditor("kz"), status=OrgStatus.SUSPENDED)
    world.now_ms += 120 * DAY_MS
    world.log(1)
    world.settle()
    assert node.core.shards_ahead() == 0
    assert [each.head.size for each in node.core.shards()] == [2]


def test_many_that_wait_are_tried_in_parts(world: Auditors, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many entries wait, a few at a time are in memory, and each gets its answer in order."""
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    node, whole = world.nodes["kz"], world.fed
    world.fed = _without(world, agency("kz"))
    waiting = [world.entry_of(agency("kz"), decision_id=bytes([number]) * 16) for number in range(5)]
    for entry in waiting:
        node.bus.put("kz.audit", entry.encode())
    node.consume()
    assert (node.core.account().waiting, node.core.entries.again(moved=True)) == (5, 0)
    world.fed = whole
    assert node.core.entries.again(moved=True) == 5
    assert node.leaves() == [entry.leaf for entry in waiting]


def test_files_of_the_directory_are_logged_once(world: Auditors) -> None:
    """Each metadata file as it is has one entry; targets are named by their hash and need none."""
    node = world.nodes["kz"]
    files = [("metadata/1.root.json", b"root"), ("metadata/timestamp.json", b"one"), ("targets/kz/x.json", b"t")]
    assert node.core.log_directory(files) == 2
    assert node.core.log_directory([*files, ("metadata/timestamp.json", b"two")]) == 1
    assert node.leaves()[0] == b"refbus-directory/v1\0\0\0\x14metadata/1.root.json" + sha256(b"root")
    world.settle()
    node.require_sound()


@pytest.mark.in_files
def test_a_second_process_cannot_open_the_store(world: Auditors) -> None:
    """Two auditors on one home would be two writers: the second does not start."""
    node = world.nodes["kz"]
    with pytest.raises(SetupError) as caught:
        FileDatabase(node.folder / "store" / "auditor.db", KIND)
    assert caught.value.code is Code.HOME_IN_USE


def test_two_writers_in_one_store_do_not_both_win(world: Auditors) -> None:
    """Should two ever come to one store all the same, the one that read an older state writes nothing."""
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    old = node.core.shards()[-1]
    world.log(1)
    world.settle()
    with pytest.raises(StoreError) as caught:
        node.core.publisher.publish(replace(old, head=node.core.shards()[-1].head))
    assert caught.value.code is Code.POSITION_CONFLICT
    node.require_sound()


def _without(world: Auditors, name: str) -> Federation:
    """Return the federation without one member."""
    members = {org: member for org, member in world.fed.directory.organisations.items() if org != name}
    return world.fed.next_version(organisations=members)


@pytest.mark.in_files
def test_the_export_has_what_was_received(world: Auditors, tmp_path: Path) -> None:
    """The inspector gets each entry of the time asked for, with its exact bytes and its place."""
    node = world.nodes["kz"]
    world.log(2)
    world.settle()
    world.now_ms += DAY_MS
    world.log(3)
    world.settle()
    file = tmp_path / "entries"
    assert export(node.folder, file, world.now_ms, world.now_ms + 1) == 3
    with file.open("rb") as opened:
        found = list(read_export(opened.read))
    assert [each.index for each in found] == [2, 3, 4]
    assert [each.raw for each in found] == [record.value for record in node.bus.records("kz.audit")[2:]]


def test_the_end_of_a_half_year_is_signed_after_a_restart(world: Auditors) -> None:
    """Entries that a stop kept from being signed are, though the next half-year has begun in the meantime."""
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    world.log(1)
    node.consume()
    world.now_ms += 120 * DAY_MS
    world.log(1)
    node.consume()
    node.restart()
    world.settle(9)
    assert [(each.signed.size, each.proven) for each in node.core.shards()] == [(2, 2), (1, 1)]


def test_a_batch_that_nobody_can_read_is_kept_and_stops_nothing(world: Auditors) -> None:
    """Its bytes are in the home under its offsets, it is refused with its own code, and what follows is logged."""
    node, written = world.nodes["kz"], world.log(1)
    node.bus.put_torn(node.core.topic, (b"x", b"y"), b"bytes of the batch")
    written += world.log(1)
    node.consumer.handle(node.bus.reader(node.core.topic).read(100, 0))
    world.settle()
    assert node.leaves() == written
    (kept,) = node.home.unread.iterdir()
    assert (kept.name, kept.read_bytes()) == ("kz.audit-1-2.batch", b"bytes of the batch")
    assert node.core.account().results[EntryResult.REFUSED] == 1
    assert node.core.account().difference == 0


def test_a_flood_of_such_batches_does_not_fill_the_disk(world: Auditors) -> None:
    """A hundred are kept; the others are named in the log of the service alone."""
    node = world.nodes["kz"]
    for number in range(MOST_UNREAD + 5):
        node.home.keep_unread(Record("kz.audit", number, b"x", 0, number, "torn"))
    assert len(list(node.home.unread.iterdir())) == MOST_UNREAD
