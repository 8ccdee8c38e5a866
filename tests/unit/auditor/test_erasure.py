"""Sealed records are deleted on their writer's order, once and again after a restore; leaves and proofs stay."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from refbus.audit.erasure import OrderAnswer, make_orders, order_leaf
from refbus.audit.export import read_export
from refbus.core.ids import OrgId
from refbus.core.vocabulary import EventType
from refbus.database import erased as lists
from refbus.errors import Code
from refbus.telemetry.labels import EntryResult
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.hashing import leaf_hash
from refbus.tlog.proofs import verify_inclusion
from refbus.wire.transport import AuditEntry
from refbus_auditor.erasure import logged_order
from refbus_auditor.export import export
from refbus_auditor.ledger import ORDER_WRITER
from refbus_auditor.store.tables import entry
from support.audit import audit_entry, audit_record
from support.auditors import AuditNode, Auditors
from support.directories import NOW_MS, agency, gate, signing_pair

GATE = gate("kz")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Auditors]:
    """Auditors of three countries, whose stores are closed at the end."""
    made = Auditors(tmp_path)
    yield made
    for node in made.nodes.values():
        node.home.close()


def put_entry(world: Auditors) -> tuple[bytes, bytes]:
    """Write one entry into the audit topic of kz; return its decision id and its leaf."""
    made = audit_entry(world.record())
    world.nodes["kz"].bus.put("kz.audit", made.encode())
    return made.decision_id, made.leaf


def put_order(world: Auditors, *names: bytes, writer: OrgId = GATE, signer: str = GATE) -> None:
    """Write an order into the audit topic of kz."""
    for order in make_orders(writer, names, signing_pair(signer), NOW_MS):
        world.nodes["kz"].bus.put("kz.audit", order.encode())


def answers(node: AuditNode) -> list[OrderAnswer]:
    """Return what the log says became of orders, in order; each is about an order that the store still has."""
    with node.home.database.reading() as connection:
        rows = connection.execute(
            select(entry.c.leaf, entry.c.raw).where(entry.c.writer == ORDER_WRITER).order_by(entry.c.place)
        ).all()
    return [next(each for each in OrderAnswer if order_leaf(row.raw, each) == row.leaf) for row in rows]


def kept(node: AuditNode) -> set[bytes]:
    """Return the decisions whose sealed record the store still has."""
    with node.home.database.reading() as connection:
        chosen = select(entry.c.decision_id).where(entry.c.raw.is_not(None), entry.c.writer != ORDER_WRITER)
        return set(connection.execute(chosen).scalars())


def results(node: AuditNode) -> dict[EntryResult, int]:
    """Return what became of the records; every record is accounted for."""
    account = node.core.account()
    assert account.difference == 0
    return account.results


def test_exactly_the_ordered_records_go(world: Auditors) -> None:
    """The others stay, every leaf stays, the answer to the order is one more, and the balance holds."""
    kz = world.nodes["kz"]
    first, second = put_entry(world)[0], put_entry(world)[0]
    world.settle()
    before = kz.leaves()
    put_order(world, first)
    world.settle()
    assert kept(kz) == {second}
    assert results(kz) == {EntryResult.LOGGED: 2, EntryResult.ERASED: 1}
    assert kz.leaves()[:-1] == before
    kz.require_sound()


def test_the_bytes_are_gone_from_every_file_of_the_store(world: Auditors) -> None:
    """Neither the database nor its write-ahead log holds the sealed record afterwards."""
    kz = world.nodes["kz"]
    made = audit_entry(world.record())
    kz.bus.put("kz.audit", made.encode())
    world.settle()
    store = kz.folder / "store"
    needle = made.sealed_record[200:260]
    assert any(needle in path.read_bytes() for path in store.iterdir()), "it was there"
    put_order(world, made.decision_id)
    world.settle()
    assert not [path.name for path in store.iterdir() if needle in path.read_bytes()]


def test_an_old_proof_still_verifies(world: Auditors) -> None:
    """What a member was given before the erasure holds against the checkpoint of then, which the log continues."""
    kz = world.nodes["kz"]
    name, leaf = put_entry(world)
    world.settle()
    (proof,) = [each for record in kz.proofs() for each in record.proofs if each.entry == leaf]
    head = Checkpoint.parse(kz.note().text).head
    put_order(world, name)
    world.settle()
    verify_inclusion(leaf_hash(leaf), proof.index, head, proof.hashes)
    kz.require_sound()
    assert kz.leaves()[proof.index] == leaf


def test_an_order_about_the_decisions_of_another_touches_nothing(world: Auditors) -> None:
    """A member orders what the gate wrote: its order counts for its own entries, of which there are none."""
    kz = world.nodes["kz"]
    name, _ = put_entry(world)
    put_order(world, name, writer=agency("kz"), signer=agency("kz"))
    world.settle()
    assert kept(kz) == {name}


def test_a_forged_order_is_refused(world: Auditors) -> None:
    """In the gate's name, signed by another: REFUSED, and nothing is deleted."""
    kz = world.nodes["kz"]
    name, _ = put_entry(world)
    (order,) = make_orders(GATE, (name,), signing_pair(GATE), NOW_MS)
    forged = order.encode()[:-64] + bytes(64)
    kz.bus.put("kz.audit", forged)
    world.settle()
    assert kept(kz) == {name}
    assert results(kz)[EntryResult.REFUSED] == 1


def test_an_order_of_an_unknown_key_waits_and_deletes_nothing_yet(world: Auditors) -> None:
    """The key may come with a newer directory; until then the order is WAITING."""
    kz = world.nodes["kz"]
    name, _ = put_entry(world)
    put_order(world, name, signer="another key of the gate")
    world.settle()
    assert kept(kz) == {name}
    assert kz.core.account().waiting == 1


def test_the_order_may_come_before_the_entry(world: Auditors) -> None:
    """The entry gets its leaf and its place, and its record is never kept."""
    kz = world.nodes["kz"]
    made = audit_entry(world.record())
    put_order(world, made.decision_id)
    world.settle()
    kz.bus.put("kz.audit", made.encode())
    world.settle()
    assert kept(kz) == set()
    assert results(kz) == {EntryResult.LOGGED: 1, EntryResult.ERASED: 1}


def test_order_and_entry_in_one_batch(world: Auditors) -> None:
    """Whichever is first in it."""
    made, other = audit_entry(world.record()), audit_entry(world.record())
    put_order(world, made.decision_id)
    world.nodes["kz"].bus.put("kz.audit", made.encode())
    world.nodes["kz"].bus.put("kz.audit", other.encode())
    put_order(world, other.decision_id)
    world.settle()
    assert kept(world.nodes["kz"]) == set()


def test_the_same_order_again_changes_nothing(world: Auditors) -> None:
    """It is counted as a repeat, and neither list nor quota needs it."""
    kz = world.nodes["kz"]
    name, _ = put_entry(world)
    for _ in range(2):
        put_order(world, name)
    world.settle()
    assert kept(kz) == set()
    assert (results(kz)[EntryResult.ERASED], results(kz)[EntryResult.DUPLICATE]) == (1, 1)
    assert len(lists.noted(kz.home.erased)) == 1


def test_a_restored_store_erases_again(world: Auditors, tmp_path: Path) -> None:
    """A copy of the store from before the erasure, under the list of today: its record is gone at the next opening."""
    kz = world.nodes["kz"]
    name, _ = put_entry(world)
    other, _ = put_entry(world)
    world.settle()
    kz.home.close()
    for name_of_folder in ("store", "log"):
        shutil.copytree(kz.folder / name_of_folder, tmp_path / "backup" / name_of_folder)
    kz.open()
    put_order(world, name)
    world.settle()
    kz.home.close()
    for name_of_folder in ("store", "log"):
        shutil.rmtree(kz.folder / name_of_folder)
        shutil.copytree(tmp_path / "backup" / name_of_folder, kz.folder / name_of_folder)
    assert _exported(kz.folder, tmp_path / "before.entries") == {other}, "an export asks the list too"
    kz.open()
    assert kept(kz) == {other}
    assert _exported(kz.folder, tmp_path / "after.entries") == {other}


def test_a_stop_between_the_list_and_the_store_erases_at_the_next_start(world: Auditors) -> None:
    """The list is written first: the order is decided again, and the list has the line already."""
    kz = world.nodes["kz"]
    name, _ = put_entry(world)
    world.settle()
    (order,) = make_orders(GATE, (name,), signing_pair(GATE), NOW_MS)
    kz.core.entries.erasures.note([order])
    assert kept(kz) == {name}
    kz.restart()
    assert kept(kz) == set()
    put_order(world, name)
    world.settle()
    assert results(kz) == {EntryResult.LOGGED: 1, EntryResult.ERASED: 1}


def _exported(home: Path, file: Path) -> set[bytes]:
    export(home, file, 0, NOW_MS + 86_400_000)
    with file.open("rb") as opened:
        return {each.entry().decision_id for each in read_export(opened.read) if each.order() is None}


def emergency(world: Auditors, number: int = 77) -> AuditEntry:
    """Return the gate's entry of a disclosure without consent."""
    name = number.to_bytes(16, "big")
    facts = {"event_type": EventType.EMERGENCY_INVOKED, "codes": (Code.EMERGENCY_DISCLOSED,)}
    return audit_entry(audit_record(decision_id=name, **facts))


def test_evidence_is_not_erased_by_its_writer_and_the_log_says_that_it_tried(world: Auditors) -> None:
    """An order that names it is refused as a whole, with a code, and has a leaf; the records are still there."""
    kz = world.nodes["kz"]
    other, _ = put_entry(world)
    made = emergency(world)
    kz.bus.put("kz.audit", made.encode())
    world.settle()
    put_order(world, other, made.decision_id)
    world.settle()
    assert kept(kz) == {other, made.decision_id}
    assert results(kz)[EntryResult.REFUSED] == 1
    assert answers(kz) == [OrderAnswer.REFUSED]
    put_order(world, other)
    world.settle()
    assert kept(kz) == {made.decision_id}
    assert answers(kz) == [OrderAnswer.REFUSED, OrderAnswer.OBEYED]
    kz.require_sound()


def test_evidence_and_the_order_in_one_batch(world: Auditors) -> None:
    """The entry counts from the moment it is read."""
    kz = world.nodes["kz"]
    made = emergency(world)
    kz.bus.put("kz.audit", made.encode())
    put_order(world, made.decision_id)
    world.settle()
    assert (kept(kz), answers(kz)) == ({made.decision_id}, [OrderAnswer.REFUSED])


def test_evidence_that_comes_after_an_order_about_it_stays(world: Auditors, tmp_path: Path) -> None:
    """An order in advance does not help, nor does a start with its list, and the inspector gets the record."""
    kz = world.nodes["kz"]
    made = emergency(world)
    put_order(world, made.decision_id)
    world.settle()
    kz.bus.put("kz.audit", made.encode())
    world.settle()
    kz.restart()
    assert kept(kz) == {made.decision_id}
    assert made.decision_id in _exported(kz.folder, tmp_path / "one.entries")


def test_a_mark_cannot_be_taken_off(world: Auditors) -> None:
    """The signature covers it: the same entry without its mark is of nobody."""
    kz = world.nodes["kz"]
    kz.bus.put("kz.audit", replace(emergency(world), stays=False).encode())
    world.settle()
    assert results(kz) == {EntryResult.REFUSED: 1}


def test_an_entry_of_an_older_version_has_the_bytes_that_it_had(world: Auditors) -> None:
    """Without a mark an entry is written in the older form, so a version that knows no mark reads it."""
    made = audit_entry(world.record())
    assert AuditEntry.parse(made.encode()) == made
    assert len(emergency(world).encode()) == len(made.encode()) + 1


def test_nobody_can_keep_the_answer_to_an_order_out_of_the_log(world: Auditors) -> None:
    """An entry of the writer under the name of the answer stands beside it."""
    kz = world.nodes["kz"]
    name, _ = put_entry(world)
    (order,) = make_orders(GATE, (name,), signing_pair(GATE), NOW_MS)
    squat = logged_order(order, OrderAnswer.OBEYED, NOW_MS).decision_id
    kz.bus.put("kz.audit", audit_entry(audit_record(decision_id=squat)).encode())
    put_order(world, name)
    world.settle()
    assert answers(kz) == [OrderAnswer.OBEYED]


def test_the_same_order_again_has_one_leaf(world: Auditors) -> None:
    """A broker that repeats a record adds nothing to the log."""
    kz = world.nodes["kz"]
    name, _ = put_entry(world)
    for _ in range(3):
        put_order(world, name)
    world.settle()
    assert answers(kz) == [OrderAnswer.OBEYED]


def test_an_order_is_exported_with_its_answer(world: Auditors, tmp_path: Path) -> None:
    """The inspector sees who ordered, how many records, and when."""
    kz = world.nodes["kz"]
    name, _ = put_entry(world)
    put_order(world, name)
    world.settle()
    export(kz.folder, tmp_path / "all", 0, 2**62)
    with (tmp_path / "all").open("rb") as file:
        (found,) = [each for each in read_export(file.read) if each.order() is not None]
    order = found.order()
    assert order is not None
    assert (order.writer, order.decision_ids) == (GATE, (name,))
    assert order_leaf(found.raw, OrderAnswer.OBEYED) == kz.leaves()[found.index]
