"""A lost or old auditor store comes back from what was published and cosigned, and never signs two histories."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from refbus.audit.erasure import make_orders
from refbus.audit.fsck import check_log
from refbus.audit.sources import FolderSource
from refbus.bus.memory import MemoryBus
from refbus.errors import Code, RefbusError
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.end import read_end, sign_end
from refbus.tlog.note import Note
from refbus.tlog.proofs import Head
from refbus_auditor.ledger import PUBLISHED_WRITER
from refbus_auditor.rebuild import proofs_on
from refbus_auditor.server import LogServer
from support.auditors import Auditors
from support.directories import auditor, gate, log_secret, signing_pair
from support.disasters import COUNT, Disaster, records
from support.logs import mth


def test_a_store_that_is_gone_wholly_comes_back(lost: Disaster) -> None:
    """With its own files the log goes on; the broker gives every record its place again, and none a second one."""
    writer = records(lost.node)[0][0]
    lost.lose_store()
    told = lost.rebuild()
    assert f"{lost.origin}: {COUNT} entries, {COUNT} of them from what was published." in told
    assert records(lost.node) == [(PUBLISHED_WRITER, False)] * COUNT
    lost.start()
    assert records(lost.node) == [(writer, True)] * COUNT
    lost.require_goes_on()


def test_records_that_the_broker_lost_leave_their_entries(lost: Disaster) -> None:
    """The order of the log stands without them; what repeats a decision later takes no second place."""
    lost.lose_store()
    lost.rebuild()
    old = [record.value for record in lost.node.bus.records("kz.audit")]
    lost.node.bus.recreate_topic("kz.audit")
    lost.world.now_ms += 1
    lost.start()
    lost.node.bus.put("kz.audit", old[0])
    lost.world.settle()
    assert records(lost.node)[0] == (PUBLISHED_WRITER, False)
    lost.require_goes_on()


def test_a_store_from_an_old_backup_is_brought_forward(lost: Disaster) -> None:
    """The start refuses it, the order brings it up to the newest checkpoint, with the records that it has."""
    old = lost.store_copy()
    lost.grow()
    lost.lose_store(old)
    with pytest.raises(RefbusError) as caught:
        lost.node.open()
    assert caught.value.code is Code.LOG_ROLLED_BACK
    lost.node.home.close()
    told = lost.rebuild()
    assert f"{lost.origin}: {COUNT + 10} entries, 10 of them from what was published." in told
    assert [there for _, there in records(lost.node)] == [True] * COUNT + [False] * 10
    lost.start()
    assert all(there for _, there in records(lost.node))
    lost.require_goes_on()


def test_tiles_that_are_missing_come_from_another_place(lost: Disaster) -> None:
    """A copy, or the proofs that members were given, has what this disk lost; without any of them it is refused."""
    proofs = list(proofs_on(lost.node.bus.reader("kz.proofs")))
    lost.lose_store()
    shard = lost.origin.rpartition("/")[2]
    (lost.node.folder / "log" / shard / "tile/entries/000").unlink()
    lost.refuses(Code.LOG_INCOMPLETE)
    assert lost.rebuild(proofs=proofs)
    lost.start()
    lost.require_goes_on()
    lost.lose_store()
    (lost.node.folder / "log" / shard / "tile/entries/000").unlink()
    lost.rebuild(lost.mirror)
    lost.start()
    lost.require_goes_on()


@pytest.mark.parametrize("over", [True, False], ids=["bundle", "bundle and tile"])
def test_tiles_that_were_altered_are_refused(lost: Disaster, over: bool) -> None:
    """One other bit anywhere leads to another root, whoever made the tile fit; a sound copy is taken in its place."""
    lost.lose_store()
    shard = lost.node.folder / "log" / lost.origin.rpartition("/")[2]
    bundle = bytearray((shard / "tile/entries/000").read_bytes())
    bundle[40] ^= 1
    (shard / "tile/entries/000").write_bytes(bundle)
    if not over:
        (shard / "tile/0/000").unlink()
    lost.refuses(Code.LOG_INCOMPLETE if over else Code.LOG_DAMAGED)
    lost.rebuild(lost.mirror)
    lost.start()
    lost.require_goes_on()


def test_a_witness_that_cannot_be_reached_is_waited_for(tmp_path: Path) -> None:
    """Nothing new is signed before every witness has spoken, also where one would do; entries wait, none is lost."""
    lost = Disaster(Auditors(tmp_path / "one", quorum=1), tmp_path)
    lost.lose_store()
    lost.rebuild()
    uz = lost.world.nodes["uz"]
    uz.core.inbound._reader = MemoryBus(["uz.federation"], lost.world.now).reader("uz.federation")
    lost.start()
    lost.leaves += lost.world.log(4)
    lost.world.settle(12)
    assert Checkpoint.parse(lost.node.note().text).size == COUNT
    uz.restart()
    lost.world.now_ms += 400_000
    lost.world.settle(12)
    lost.signed[len(lost.leaves)] = mth(lost.leaves)
    lost.require_goes_on()
    lost.world.close()


def test_a_witness_that_knows_more_than_the_tiles_stops_it(lost: Disaster) -> None:
    """It says LOG_ROLLED_BACK and keeps what the witness showed; then the log can only end, and the next one begins."""
    old = shutil.copytree(lost.node.home.log_folder, lost.folder / "old")
    lost.grow()
    newest = lost.node.note()
    lost.lose_store()
    lost.lose_log()
    shutil.copytree(old, lost.node.folder / "log")
    lost.node.bus.recreate_topic("kz.audit")
    lost.rebuild()
    lost.start()
    assert Code.LOG_ROLLED_BACK in lost.node.alarms
    (kept,) = (lost.node.folder / "evidence").glob("*-log_rolled_back.txt")
    assert Note.parse(kept.read_bytes()).text == newest.text
    lost.node.home.stop_for_good(Code.LOG_ROLLED_BACK)
    lost.node.home.close()
    lost.refuses(Code.LOG_INCOMPLETE)
    lost.rebuild(end=True)
    lost.start()
    lost.require_ended(COUNT, more=0)


def test_without_its_own_files_a_log_can_only_end(lost: Disaster) -> None:
    """A copy may be older than what was signed last: the log of the next half-year begins, and nothing is lost."""
    lost.lose_store()
    lost.lose_log()
    lost.refuses(Code.LOG_ROLLED_BACK, lost.mirror)
    told = lost.rebuild(lost.mirror, end=True)
    assert any(line.startswith("It has ended.") for line in told)
    lost.start()
    lost.require_ended(COUNT, more=0)
    lost.node.restart()
    lost.require_one_history()


def test_the_end_of_a_log_is_served_and_checked(lost: Disaster, tmp_path: Path) -> None:
    """Anybody reads it beside the checkpoint; one that is about another checkpoint, or of another key, is found."""
    lost.lose_store()
    lost.rebuild(end=True)
    lost.start()
    server = LogServer(lost.node.home.log_folder, lost.node.core.witness, "127.0.0.1", 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/2026b/end") as answer:
            told = answer.read()
    finally:
        server.close()
    folder = lost.node.home.log_folder / "2026b"

    def findings() -> list[tuple[Code, str]]:
        with (tmp_path / "scratch").open("w+b") as scratch:
            found = check_log(FolderSource(folder), lost.node.core.policy(), scratch).findings
        return [(each.code, each.place) for each in found]

    assert ((folder / "end").read_bytes(), findings()) == (told, [])
    key, other = log_secret(auditor("kz")).log_key(lost.origin), log_secret(auditor("uz")).log_key(lost.origin)
    end = read_end(told, [key.verifier])
    (folder / "end").write_bytes(sign_end(replace(end, head=Head(1, bytes(32))), key).encode())
    assert findings() == [(Code.LOG_INCONSISTENT, "end")]
    (folder / "end").write_bytes(sign_end(end, other).encode())
    assert findings() == [(Code.KEY_UNKNOWN, "end")]


def test_entries_that_were_not_signed_go_into_the_next_log(lost: Disaster) -> None:
    """A log that ends keeps what it signed; what only its store had stands in the log of the next half-year."""
    for _ in range(4):
        lost.node.bus.put("kz.audit", lost.world.entry_of(gate("kz"), decision_id=bytes([9, _]) * 8).encode())
    lost.node.consume()
    lost.node.home.close()
    lost.rebuild(end=True)
    lost.start()
    lost.require_ended(COUNT, more=4)


def test_an_order_to_erase_keeps_its_answer(lost: Disaster) -> None:
    """Read again after a loss it is obeyed again, and takes no second place in the log."""
    (order,) = make_orders(gate("kz"), [bytes([1]) * 16], signing_pair(gate("kz")), lost.world.now_ms)
    lost.node.bus.put("kz.audit", lost.world.entry_of(gate("kz"), decision_id=bytes([1]) * 16).encode())
    lost.node.bus.put("kz.audit", order.encode())
    lost.world.settle()
    lost.leaves = lost.node.leaves()
    lost.signed[len(lost.leaves)] = mth(lost.leaves)
    lost.lose_store()
    lost.rebuild()
    lost.start()
    assert records(lost.node)[-2:] == [(gate("kz"), False), ("order", True)]
    lost.require_goes_on()


@pytest.mark.parametrize("end", [False, True])
def test_two_histories_are_never_put_together(lost: Disaster, end: bool) -> None:
    """Two roots for one size, both signed by this log: nothing is rebuilt and nothing ends, a person must look."""
    lost.lose_store()
    files, _store = lost.another_history(COUNT - 1)
    lost.refuses(Code.LOG_FORKED, files, end=end)


def test_a_store_that_is_the_newest_is_left_alone(lost: Disaster) -> None:
    """Nothing is rebuilt that nobody knows more of."""
    lost.node.home.close()
    lost.refuses(Code.USAGE, lost.mirror)


WAYS: dict[str, Callable[[bytes], bytes]] = {"emptied": lambda _content: b"", "cut": lambda content: content[:20_000]}


@pytest.mark.parametrize("way", WAYS)
def test_a_store_that_cannot_be_opened_is_set_aside(lost: Disaster, way: str) -> None:
    """It stays beside the new one, and nothing of it is believed."""
    lost.node.home.close()
    store = lost.node.folder / "store" / "auditor.db"
    store.write_bytes(WAYS[way](store.read_bytes()))
    told = lost.rebuild()
    assert any("before-1" in line for line in told)
    lost.start()
    lost.require_goes_on()
