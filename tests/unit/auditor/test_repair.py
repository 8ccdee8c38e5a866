"""A start looks at the end of a log; the rest is looked at while the auditor works. Whatever is amiss is mended."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from refbus.crypto.framing import sha256
from refbus.errors import Code, RefbusError, StoreError
from refbus.files import write_whole
from refbus_auditor import ledger, repair
from refbus_auditor.ledger import Ledger, NewEntry
from refbus_auditor.repair import FIRST_MS, ROUND_MS, SLICE, TAIL
from refbus_auditor.store.tables import entry
from support.auditors import AuditNode, Auditors
from support.directories import log_name_of

MANY = 2_700
"""Entries: ten full tiles of leaves, and a part of one."""
OLD = ["tile/entries/000", "tile/0/000", "tile/entries/004", "tile/0/004"]
NEW = ["tile/entries/009", "tile/0/009", "tile/0/010.p/140", "tile/entries/010.p/140", "tile/1/000.p/10", "checkpoint"]
Hurt = Callable[[Path], object]
HURTS: dict[str, Hurt] = {
    "missing": Path.unlink,
    "altered": lambda path: path.write_bytes(b"x" + path.read_bytes()[1:]),
    "torn": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
}


def grow(node: AuditNode, count: int) -> None:
    """Add so many entries to the log of a node, in batches, and publish them."""
    log, now_ms = Ledger(log_name_of(node.country)), node.world.now_ms
    begin = sum(each.head.size for each in node.core.shards())
    leaves = [sha256(b"%d" % number) for number in range(begin, begin + count)]
    with node.home.database.writing() as connection:
        log.add(connection, [NewEntry(leaf[:16], leaf, "test", now_ms) for leaf in leaves], now_ms)
    node.core.publisher.publish(node.core.shards()[-1])


def show(node: AuditNode) -> None:
    """Publish where there is nothing new."""
    node.core.publisher.publish(node.core.shards()[-1])


def files(node: AuditNode) -> dict[str, bytes]:
    """Return all files of the log of a node."""
    folder = node.log_folder()
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def look_around(node: AuditNode) -> None:
    """Let the auditor look at everything once, as in the hours after a start."""
    publisher, moment = node.core.publisher, 0
    publisher.look(node.core.shards, moment)
    for moment in range(FIRST_MS, FIRST_MS + MANY // 256 // SLICE + 2):
        publisher.look(node.core.shards, moment)


def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return where every entry that is read from now on is noted."""
    read, found = ledger.leaves, list[int]()

    def noting(connection: object, origin: str, start: int, end: int) -> list[bytes]:
        """Read, and note it."""
        found.extend(range(start, end))
        return read(connection, origin, start, end)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger, "leaves", noting)
    return found


@pytest.fixture
def node(world: Auditors) -> AuditNode:
    """Return an auditor with a log of many tiles, published."""
    node = world.nodes["kz"]
    grow(node, 300)
    grow(node, MANY - 300)
    return node


def test_a_start_reads_the_end_alone(node: AuditNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the log is, so many entries and no more; also where the last checkpoint was not published."""
    before = files(node)
    with monkeypatch.context() as patched:
        patched.setattr(type(node.core.publisher), "_sign", lambda *_: None)
        grow(node, 5)
    read = reads(monkeypatch)
    node.restart()
    assert len(read) == (MANY + 5) % 256 + (TAIL - 1) * 256
    assert min(read) == MANY + 5 - len(read)
    assert files(node)["checkpoint"] != before["checkpoint"]


def test_a_store_without_a_mark_is_read_whole_once(node: AuditNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one of an older program, one that was restored, or one that was made again from what was published."""
    with node.home.database.writing() as connection:
        ledger.doubt(connection)
    (node.log_folder() / OLD[0]).write_bytes(b"")
    read = reads(monkeypatch)
    node.restart()
    assert set(read) == set(range(MANY))
    assert (node.log_folder() / OLD[0]).stat().st_size
    read.clear()
    node.restart()
    assert len(read) <= TAIL * 256


@pytest.mark.parametrize("hurt", HURTS)
@pytest.mark.parametrize("name", NEW)
def test_the_end_is_mended_at_the_start(node: AuditNode, name: str, hurt: str) -> None:
    """What a power cut can have taken or torn is there again before anything is signed, and with it all else."""
    before = files(node)
    HURTS[hurt](node.log_folder() / name)
    if name != "checkpoint":
        HURTS[hurt](node.log_folder() / OLD[0])
    node.restart()
    assert files(node) == before


@pytest.mark.parametrize("hurt", HURTS)
@pytest.mark.parametrize("name", [*OLD, *NEW[:-1]])
def test_the_rest_is_mended_while_it_works(node: AuditNode, name: str, hurt: str) -> None:
    """Old or new, without a restart: everything is looked at once after a start."""
    before = files(node)
    HURTS[hurt](node.log_folder() / name)
    look_around(node)
    assert files(node) == before


def test_a_start_leaves_old_files_to_the_round(node: AuditNode) -> None:
    """It costs what the end costs; the round after it finds the rest."""
    before = files(node)
    (node.log_folder() / OLD[1]).unlink()
    node.restart()
    assert OLD[1] not in files(node)
    look_around(node)
    assert files(node) == before


def test_a_round_is_over_each_day(node: AuditNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each entry once, a slice in each turn; then none for a day."""
    read, publisher = reads(monkeypatch), node.core.publisher
    publisher.look(node.core.shards, 0)
    assert not read
    publisher.look(node.core.shards, FIRST_MS)
    assert len(read) <= SLICE * 256
    publisher.look(node.core.shards, FIRST_MS + 1)
    assert sorted(read) == list(range(MANY))
    publisher.look(node.core.shards, FIRST_MS + ROUND_MS)
    assert len(read) == MANY
    publisher.look(node.core.shards, FIRST_MS + ROUND_MS + 1)
    assert len(read) > MANY


def test_a_round_begins_anywhere(node: AuditNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is started again and again looks at another part each time."""
    begun = set[int]()
    for drawn in (0, 4, 10):
        node.restart()
        monkeypatch.setattr("secrets.randbelow", lambda _most, drawn=drawn: drawn)
        read = reads(monkeypatch)
        node.core.publisher.look(node.core.shards, 0)
        node.core.publisher.look(node.core.shards, FIRST_MS)
        begun.add(read[0])
        monkeypatch.undo()
    assert begun == {0, 4 * 256, 10 * 256}


@pytest.mark.parametrize("place", [0, 1_200, MANY - 200])
def test_an_entry_that_was_altered_in_the_store_stops_it(node: AuditNode, place: int) -> None:
    """At the start where it stands at the end, else when it is looked at, and then at each start."""
    before = files(node)
    with node.home.database.writing() as connection:
        connection.execute(update(entry).where(entry.c.place == place).values(leaf=b"another"))
    if place < MANY - 512:
        node.restart()
        with pytest.raises(StoreError) as caught:
            look_around(node)
        assert caught.value.code is Code.LOG_STORE_DAMAGED
    for _ in range(2):
        with pytest.raises(RefbusError) as refused:
            node.restart()
        assert refused.value.code is Code.LOG_STORE_DAMAGED
    assert files(node) == before


def test_an_older_folder_is_brought_forward(node: AuditNode, tmp_path: Path) -> None:
    """Whoever puts a copy of `log/` back, or has none: it is made from the store."""
    shutil.copytree(node.home.log_folder, tmp_path / "copy")
    grow(node, 1_000)
    before = files(node)
    shutil.rmtree(node.home.log_folder)
    (tmp_path / "copy").rename(node.home.log_folder)
    node.restart()
    assert before.items() <= files(node).items()
    shutil.rmtree(node.home.log_folder)
    node.restart()
    after = files(node)
    assert after.items() <= before.items()
    assert {path for path in before.keys() - after.keys() if ".p/" not in path} == set()
    assert after["checkpoint"] == before["checkpoint"]


def test_an_older_checkpoint_is_judged_without_reading_the_log(
    node: AuditNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiles prove that what is signed begins with it."""
    older = (node.log_folder() / "checkpoint").read_bytes()
    grow(node, 1_000)
    newer = files(node)["checkpoint"]
    (node.log_folder() / "checkpoint").write_bytes(older)
    read = reads(monkeypatch)
    node.restart()
    assert files(node)["checkpoint"] == newer
    assert len(read) <= TAIL * 256


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE])
@pytest.mark.parametrize("name", ["checkpoint", "142"])
def test_a_file_that_cannot_be_read_stops_by_a_code(
    node: AuditNode, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    """A checkpoint may be newer than all that the store knows: it is neither passed over nor written anew."""
    before, read = files(node), Path.read_bytes

    def failing(path: Path) -> bytes:
        if path.name == name:
            raise OSError(number, "cannot be read")
        return read(path)

    grow(node, 1)
    (node.log_folder() / "checkpoint").touch()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", failing)
        steps = [lambda: show(node), node.restart] if name == "checkpoint" else [lambda: grow(node, 1)]
        for step in steps:
            with pytest.raises(StoreError) as caught:
                step()
            assert caught.value.code is Code.STORE_FAILED
    node.restart()
    assert files(node)["checkpoint"] != before["checkpoint"]


@pytest.mark.parametrize("after", [0, 1, 3, 5, 8])
def test_a_stop_while_files_are_made_anew(node: AuditNode, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """The next start begins again: the mark comes when all is on the disk."""
    before = files(node)
    for name in [*OLD, *NEW]:
        (node.log_folder() / name).unlink()
    left = iter(range(after))

    def dying(path: Path, content: bytes) -> None:
        """Write so often, then die."""
        if next(left, None) is None:
            raise KeyboardInterrupt
        write_whole(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(repair, "write_whole", dying)
        with pytest.raises(KeyboardInterrupt):
            node.restart()
    with node.home.database.reading() as connection:
        assert not ledger.is_whole(connection, node.origin())
    node.restart()
    assert files(node) == before


def test_a_log_that_begins_while_it_runs_is_whole(world: Auditors, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its files were written by this auditor; one that was not signed yet is no mark."""
    node = world.nodes["kz"]
    grow(node, 3)
    read = reads(monkeypatch)
    node.restart()
    assert len(read) == 3
