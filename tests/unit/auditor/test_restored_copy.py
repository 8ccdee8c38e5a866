"""An older copy of an auditor's store: whoever knows more is heard before anything is signed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.audit.fsck import check_log
from refbus.audit.sources import FolderSource
from refbus.bus.memory import MemoryBus
from refbus.core.units import DAY_MS
from refbus.errors import Code, SetupError, UntrustedError
from refbus.files import write_whole
from refbus.tlog import note
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.note import Note
from refbus_auditor import cosignatures
from refbus_auditor.cosignatures import conflict
from refbus_auditor.ledger import Standing
from refbus_auditor.putback import restore
from support.auditors import AuditNode, Auditors
from support.disasters import Disaster

LONG_MS = 400_000
"""Longer than the answer of a witness is waited for."""


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Auditors]:
    """Return kg, kz, tm and uz, of which two others must cosign: one may be silent."""
    made = Auditors(tmp_path / "four", ("kg", "kz", "tm", "uz"), quorum=2)
    yield made
    made.close()


def silence(world: Auditors, *names: str) -> None:
    """Let witnesses hear nothing until they are started again."""
    for name in names:
        silent = MemoryBus([f"{name}.federation"], world.now).reader(f"{name}.federation")
        world.nodes[name].core.inbound._reader = silent


def come_back(world: Auditors, *names: str) -> None:
    """Let witnesses hear again, and everybody work for a while."""
    for name in names:
        world.nodes[name].restart()
    world.now_ms += LONG_MS
    world.settle(12)


def work_on(world: Auditors, node: AuditNode) -> None:
    """Log another beginning than was signed, and let everybody work for a while."""
    node.core.log_directory([("metadata/timestamp.json", b"another")])
    world.log(3)
    world.settle(12)


def bring_back(node: AuditNode, copy: Path) -> None:
    """Lose store and files of the log, and restore a copy of the store."""
    node.home.close()
    shutil.rmtree(node.folder / "store")
    shutil.rmtree(node.folder / "log")
    (node.folder / "store").mkdir(mode=0o700)
    restore(node.folder, "", copy, older=False)
    node.open()


def require_stops(world: Auditors, node: AuditNode, origin: str, signed: int) -> None:
    """Require that nothing is signed while uz alone is silent, and that what uz has stops the auditor."""
    come_back(world, "kg", "tm")
    work_on(world, node)
    assert {log.origin: log.signed.size for log in node.core.shards()}.get(origin, 0) == signed
    assert node.alarms == []
    come_back(world, "uz")
    assert Code.LOG_ROLLED_BACK in node.alarms
    assert {log.origin: log.signed.size for log in node.core.shards()}.get(origin, 0) == signed


def test_the_one_witness_that_knows_more_is_waited_for(four: Auditors, tmp_path: Path) -> None:
    """A quorum of those that saw nothing is not enough: the silent one has what was signed after the copy."""
    node = four.nodes["kz"]
    four.log(20)
    four.settle()
    node.home.database.copy_to(tmp_path / "old.db")
    silence(four, "kg", "tm")
    four.log(4)
    four.settle()
    silence(four, "uz")
    bring_back(node, tmp_path / "old.db")
    require_stops(four, node, node.origin(), 20)


def test_a_half_year_that_began_after_the_copy_waits_too(four: Auditors, tmp_path: Path) -> None:
    """The copy knows nothing of the log that it would begin a second time."""
    node = four.nodes["kz"]
    four.log(3)
    four.settle()
    node.home.database.copy_to(tmp_path / "old.db")
    four.now_ms += 120 * DAY_MS
    four.log(4)
    four.settle(1)
    silence(four, "kg", "tm")  # they know that the new log has begun, and nothing that is in it
    four.settle()
    assert [log.signed.size for log in node.core.shards()] == [3, 4]
    silence(four, "uz")
    bring_back(node, tmp_path / "old.db")
    require_stops(four, node, node.origin(), 0)


def test_what_everybody_confirms_grows_again(four: Auditors, tmp_path: Path) -> None:
    """The newest copy goes on once each witness has answered, in all of its logs; then the quorum is enough again."""
    node = four.nodes["kz"]
    four.log(3)
    four.settle()
    four.now_ms += 120 * DAY_MS
    four.log(2)
    four.settle()
    node.home.database.copy_to(tmp_path / "new.db")
    bring_back(node, tmp_path / "new.db")
    assert {log.standing for log in node.core.shards()} == {Standing.REBUILT}
    four.settle(12)
    assert {log.standing for log in node.core.shards()} == {Standing.GROWS}
    silence(four, "uz")
    four.log(2)
    four.settle()
    assert [log.cosigned_size for log in node.core.shards()] == [3, 4]
    node.require_sound()


def test_more_witnesses_than_fit_confirm_and_the_checkpoint_stays_readable(
    four: Auditors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All have to answer; of their cosignatures as many are kept as a note may have, and a quorum is among them."""
    for module in (note, cosignatures):
        monkeypatch.setattr(module, "MOST_SIGNATURES", 5)  # the log's own and two countries'
    node = four.nodes["kz"]
    four.log(3)
    four.settle()
    node.home.database.copy_to(tmp_path / "new.db")
    bring_back(node, tmp_path / "new.db")
    four.settle(12)
    (log,) = node.core.shards()
    assert (log.standing, log.cosigned_size) == (Standing.GROWS, 3)
    kept = Note.parse(log.cosigned or b"")
    assert len(kept.signatures) == 5
    node.core.policy().check(kept)


def test_what_a_witness_showed_stops_every_later_start(lost: Disaster) -> None:
    """The mark in the store goes with the store; the checkpoint in `evidence/` stays, and a copy that has it starts."""
    old = lost.store_copy()
    lost.grow()
    lost.node.home.database.copy_to(lost.folder / "newest.db")
    lost.lose_store(old)
    lost.lose_log()
    lost.node.open()
    lost.world.now_ms += LONG_MS
    lost.world.settle()
    assert Code.LOG_ROLLED_BACK in lost.node.alarms
    assert list((lost.node.folder / "evidence").glob("*-log_rolled_back.txt"))
    lost.node.home.stop_for_good(Code.LOG_ROLLED_BACK)
    lost.node.home.close()
    restore(lost.node.folder, "", old, older=False)
    with pytest.raises(SetupError) as refused:
        lost.node.open()
    assert refused.value.code is Code.LOG_ROLLED_BACK
    lost.node.home.close()
    restore(lost.node.folder, "", lost.folder / "newest.db", older=False)
    lost.start()
    lost.require_goes_on()


@pytest.mark.parametrize("what", ["more", "another"])
def test_a_witness_that_answers_after_the_quorum_is_heard(world: Auditors, what: str) -> None:
    """Nothing is under way then: our own signature on another history stops us all the same."""
    node = world.nodes["kz"]
    world.log(2)
    world.settle()
    assert node.core._cosigning._candidates == {}
    head = Checkpoint(node.origin(), 3 if what == "more" else 2, bytes(32))
    shown = sign_checkpoint(head, node.home.secret.log_key(node.origin()))
    with pytest.raises(UntrustedError) as caught:
        node.core._cosigning.take(conflict(node.country, node.origin(), 2, shown.encode()))
    assert caught.value.code is Code.LOG_ROLLED_BACK
    assert node.core._cosigning.take(conflict(node.country, node.origin(), 2, node.note().encode())) is None


def test_what_is_known_of_a_log_that_has_ended_stops_nobody(lost: Disaster) -> None:
    """Entries of it are lost, and its end says so: a witness that shows them convicts nobody, today or at a start."""
    lost.grow()
    shown = lost.node.note()
    lost.lose_store()
    lost.lose_log()
    lost.rebuild(lost.mirror, end=True)
    lost.start()
    assert lost.node.core._cosigning.take(conflict(lost.node.country, lost.origin, 310, shown.encode())) is None
    lost.node.core._cosigning.keep(shown)
    lost.node.restart()
    lost.world.log(5)
    lost.world.settle(12)
    ended = lost.node.core.shards()[0]
    assert (ended.standing, ended.signed.size, lost.node.alarms) == (Standing.ENDED, 300, [])


def test_files_of_lost_entries_accuse_nobody(lost: Disaster, tmp_path: Path) -> None:
    """What lies behind the end of a log was signed once: a check passes it over, and finds what never was."""
    lost.grow()
    shard = lost.node.log_folder()
    lost.lose_store()
    (shard / "tile/entries/001.p/54").write_bytes(b"damaged")
    lost.rebuild(lost.mirror, end=True)
    lost.start()
    assert (shard / "tile/0/001.p/54").exists()
    for more in ("", "tile/0/001.p/55", "tile/0/002.p/1", "other"):
        if more:
            write_whole(shard / more, bytes(32))
        with (tmp_path / "scratch").open("w+b") as scratch:
            findings = check_log(FolderSource(shard), lost.node.core.policy(), scratch).findings
        assert [(each.code, each.place) for each in findings] == ([(Code.LOG_UNEXPECTED, more)] if more else [])
        if more:
            (shard / more).unlink()


@pytest.mark.parametrize("damage", ["no checkpoint", "damaged checkpoint", "damaged end", "empty end"])
def test_an_end_stops_a_store_from_before_it(lost: Disaster, damage: str) -> None:
    """Whatever lies beside it, and whether it can be read: an older store signs nothing in a log that has ended."""
    old = lost.store_copy()
    lost.lose_store()
    lost.rebuild(end=True)
    lost.start()
    lost.lose_store(old)
    shard = lost.node.folder / "log" / lost.origin.rpartition("/")[2]
    spoilt = shard / ("end" if damage.endswith("end") else "checkpoint")
    spoilt.write_bytes(b"" if damage.startswith("empty") else b"x" + spoilt.read_bytes())
    if damage.startswith("no"):
        spoilt.unlink()
    before = {path: path.read_bytes() for path in shard.rglob("*") if path.is_file()}
    with pytest.raises(SetupError) as refused:
        lost.node.open()
    lost.node.home.close()
    assert refused.value.code is Code.LOG_ROLLED_BACK
    assert {path: path.read_bytes() for path in shard.rglob("*") if path.is_file()} == before
