"""From the store to the files: a stop between any two steps ends in the same files, and no size is signed twice."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from refbus.errors import Code, RefbusError, SetupError, StoreError
from refbus.files import write_whole
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.note import Note, verified
from refbus_auditor import publication
from refbus_auditor.files import LogFolder
from refbus_auditor.publication import Publisher
from refbus_auditor.store.tables import entry, shard
from support.auditors import AuditNode, Auditors
from support.directories import auditor, log_secret
from support.logs import mth


class StopHere(BaseException):
    """The process dies at this place."""


def dying(after: int) -> Callable[..., Any]:
    """Return a `write_whole` that dies before its call number `after`."""
    calls = 0
    write = write_whole

    def write_or_die(*arguments: Any, **options: Any) -> None:
        """Write, or die."""
        nonlocal calls
        if calls == after:
            raise StopHere
        calls += 1
        write(*arguments, **options)

    return write_or_die


def sound(node: AuditNode, leaves: list[bytes]) -> None:
    """Require that the published log is exactly these leaves, signed, and sound by its format alone."""
    checkpoint = Checkpoint.parse(node.note().text)
    assert (checkpoint.size, checkpoint.root) == (len(leaves), mth(leaves))
    verified(node.note(), [node.home.secret.log_key(node.origin()).verifier])
    node.require_sound()


@pytest.mark.parametrize("after", range(7))
def test_a_stop_between_any_two_files(world: Auditors, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Bundle, tile, upper tile, checkpoint: whichever is missing when the process dies is there after a start."""
    node = world.nodes["kz"]
    leaves = world.log(250)
    world.settle()
    leaves += world.log(20)
    node.consume()
    with monkeypatch.context() as patched:
        patched.setattr(publication, "write_whole", dying(after))
        if after < 6:
            with pytest.raises(StopHere):
                node.core.publisher.publish(node.core.shards()[-1])
        else:
            node.core.publisher.publish(node.core.shards()[-1])
    (node.log_folder() / "tile" / "0" / ".part-of-a-tile").write_bytes(b"half")
    node.restart()
    leaves += world.log(3)
    world.settle()
    sound(node, leaves)


@pytest.mark.parametrize("step", ["_write_tiles", "_swap", "_sign", "_remove_partial"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_stop_between_any_two_steps(world: Auditors, monkeypatch: pytest.MonkeyPatch, step: str, when: str) -> None:
    """Before and after each of the four steps."""
    node = world.nodes["kz"]
    leaves = world.log(1)
    world.settle()
    leaves += world.log(3)
    node.consume()
    real = getattr(Publisher, step)

    def die(self: Publisher, *arguments: Any) -> None:
        """Die before or after the real step."""
        if when == "after":
            real(self, *arguments)
        raise StopHere

    with monkeypatch.context() as patched:
        patched.setattr(Publisher, step, die)
        with pytest.raises(StopHere):
            node.core.turn()
    node.restart()
    leaves += world.log(2)
    world.settle()
    sound(node, leaves)


def test_signed_state_is_published_at_the_next_start(world: Auditors, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided to be signed is what is signed, though more came meanwhile."""
    node = world.nodes["kz"]
    leaves = world.log(1)
    world.settle()
    leaves += world.log(2)
    node.consume()
    with monkeypatch.context() as patched:
        patched.setattr(Publisher, "_sign", lambda *_: (_ for _ in ()).throw(StopHere()))
        with pytest.raises(StopHere):
            node.core.turn()
    world.log(2)
    node.restart()
    assert Checkpoint.parse(node.note().text).size == 3
    assert Checkpoint.parse(node.note().text).root == mth(leaves)


def test_an_old_store_does_not_sign(world: Auditors) -> None:
    """A store that was brought back from before the published checkpoint ends the start with LOG_ROLLED_BACK."""
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    node.home.close()
    copy = node.folder / "copy"
    shutil.copytree(node.folder / "store", copy)
    node.open()
    world.log(1)
    world.settle()
    node.home.close()
    shutil.rmtree(node.folder / "store")
    copy.rename(node.folder / "store")
    with pytest.raises(SetupError) as caught:
        node.open()
    assert caught.value.code is Code.LOG_ROLLED_BACK


@pytest.mark.parametrize("size", [1, 2])
def test_a_published_checkpoint_with_another_root_stops_the_start(world: Auditors, size: int) -> None:
    """One size, two roots: something else signed with this key, whether the store has signed more since or not."""
    node = world.nodes["kz"]
    world.log(2)
    world.settle()
    forged = sign_checkpoint(Checkpoint(node.origin(), size, bytes(32)), node.home.secret.log_key(node.origin()))
    (node.log_folder() / "checkpoint").write_bytes(forged.encode())
    node.home.close()
    with pytest.raises(RefbusError) as caught:
        node.open()
    assert caught.value.code is Code.LOG_FORKED
    assert (node.log_folder() / "checkpoint").read_bytes() == forged.encode()


def test_a_store_that_was_altered_is_not_called_another_history(world: Auditors) -> None:
    """Its entries do not lead to what it has signed: what was published before is not doubted for it."""
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    older = (node.log_folder() / "checkpoint").read_bytes()
    world.log(1)
    world.settle()
    (node.log_folder() / "checkpoint").write_bytes(older)
    with node.home.database.writing() as connection:
        connection.execute(update(entry).where(entry.c.place == 0).values(leaf=b"another"))
    node.home.close()
    with pytest.raises(RefbusError) as caught:
        node.open()
    assert caught.value.code is Code.LOG_STORE_DAMAGED


def test_damaged_tiles_are_not_signed(world: Auditors) -> None:
    """When the files do not lead to the root of the store, nothing is signed."""
    node = world.nodes["kz"]
    world.log(256)
    world.settle()
    before = node.note().text
    (node.log_folder() / "tile" / "1" / "000.p" / "1").write_bytes(bytes(32))
    world.log(1)
    node.consume()
    with pytest.raises(StoreError) as caught:
        node.core.publisher.publish(node.core.shards()[-1])
    assert caught.value.code is Code.AUDIT_INVALID
    assert node.note().text == before


def test_partial_tiles_go_when_they_are_full(world: Auditors) -> None:
    """A reader of an older checkpoint finds the same hashes at the beginning of the full tile."""
    node = world.nodes["kz"]
    world.log(200)
    world.settle()
    folder = node.log_folder() / "tile" / "0"
    assert (folder / "000.p" / "200").is_file()
    world.log(60)
    world.settle()
    assert not (folder / "000.p").exists()
    assert (folder / "000").stat().st_size == 8192
    node.require_sound()


def test_cosignatures_are_in_the_published_checkpoint(world: Auditors) -> None:
    """Both kinds of each witness, behind the signature of the log."""
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    names = [line.name for line in node.note().signatures]
    assert names[0] == node.origin()
    assert names[1:] == ["kg.audit.refbus.example/witness"] * 2 + ["uz.audit.refbus.example/witness"] * 2
    assert node.core.policy().check(node.note(), world.now_ms // 1000).checkpoint.size == 1


def test_the_key_of_a_shard_is_its_own() -> None:
    """The log key of another half-year does not verify a checkpoint."""
    secret = log_secret(auditor("kz"))
    keys = [secret.log_key(f"kz.audit.refbus.example/{shard}") for shard in ("2026b", "2027a")]
    assert keys[0].verifier.public != keys[1].verifier.public
    note = sign_checkpoint(Checkpoint("kz.audit.refbus.example/2026b", 1, bytes(32)), keys[0])
    with pytest.raises(RefbusError) as caught:
        verified(Note(note.text, note.signatures), [keys[1].verifier])
    assert caught.value.code is Code.KEY_UNKNOWN


def test_late_cosignatures_never_bring_an_older_checkpoint_back(
    world: Auditors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is written down while the next checkpoint is published does not take its place."""
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    older = node.note()
    world.log(1)
    node.consume()
    write, ready, done = write_whole, threading.Event(), threading.Event()

    def slow(path: Path, content: bytes, **options: Any) -> None:
        """Let the other thread go first, when it can."""
        if content == older.encode():
            ready.set()
            done.wait(0.5)
        write(path, content, **options)

    monkeypatch.setattr(publication, "write_whole", slow)
    late = threading.Thread(target=node.core.publisher.add_cosignatures, args=(older,))
    late.start()
    ready.wait(5)
    node.core.publisher.publish(node.core.shards()[-1])
    done.set()
    late.join()
    assert Checkpoint.parse(node.note().text).size == 2


def test_whoever_wakes_late_brings_no_older_checkpoint_back(world: Auditors) -> None:
    """It was frozen between what it wrote down as signed and the file; another one has published since."""
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    frozen = node.core.shards()[-1]
    world.log(1)
    world.settle()
    newer = node.note()
    node.core.publisher._sign(frozen, frozen.signed)
    assert node.note() == newer
    assert Checkpoint.parse(newer.text).size == 2


def frozen(world: Auditors, monkeypatch: pytest.MonkeyPatch, *, late: bool) -> Note:
    """Freeze an auditor while it publishes; another one over the same folder publishes more, before it goes on.

    `late`: in the very step, when the answer is given and the file is not there yet. Return what the other published.
    """
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    home, found = node.home, list[Note]()
    other = Publisher(
        home.database,
        LogFolder(home.log_folder, node.core.shards()[-1].origin.rpartition("/")[0]),
        home.secret.log_key,
        home.evidence,
    )
    world.log(1)
    node.consume()

    def stopped(path: Path, content: bytes, still: Callable[[], bool] = lambda: True, **options: Any) -> None:
        """Let the other one go on where this one stops."""
        if path.name != "checkpoint" or found:
            write_whole(path, content, still=still, **options)
            return
        answer = late and still()
        found.append(node.note())
        world.log(1)
        world.settle()
        found[0] = node.note()
        write_whole(path, content, still=(lambda: answer) if late else still)

    with monkeypatch.context() as patched:
        patched.setattr(publication, "write_whole", stopped)
        other.publish(node.core.shards()[-1])
    assert Checkpoint.parse(found[0].text).size == 3
    return found[0]


def test_whoever_was_frozen_before_the_step_leaves_the_newer_one(
    world: Auditors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there is looked at when the new one is on the disk already."""
    newer = frozen(world, monkeypatch, late=False)
    assert world.nodes["kz"].note() == newer


def test_an_older_checkpoint_stays_for_one_turn(world: Auditors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was frozen in the step itself shows an older one; the next turn shows the newer one, cosigned."""
    newer = frozen(world, monkeypatch, late=True)
    node = world.nodes["kz"]
    assert Checkpoint.parse(node.note().text).size == 2
    node.core.turn()
    assert node.note() == newer
    assert len(newer.signatures) > 1


def test_a_lost_checkpoint_comes_back_in_one_turn(world: Auditors) -> None:
    """Whoever takes the file away or damages it: it is signed as before."""
    node = world.nodes["kz"]
    world.log(1)
    world.settle()
    before, path = node.note(), node.log_folder() / "checkpoint"
    for damage in (path.unlink, lambda: path.write_bytes(b"damaged"), lambda: path.write_bytes(b"")):
        damage()
        node.core.turn()
        assert node.note() == before


def test_a_damaged_cosigned_checkpoint_is_asked_for_again(world: Auditors) -> None:
    """It does not keep the log from going on: it can be had again from the witnesses."""
    kz = world.nodes["kz"]
    world.log(2)
    world.settle()
    with kz.home.database.writing() as connection:
        connection.execute(update(shard).values(cosigned=b"damaged"))
    proven = len(kz.proofs())
    world.log()
    world.settle()
    kz.require_sound()
    assert len(kz.leaves()) == 3
    assert len(kz.proofs()) > proven
