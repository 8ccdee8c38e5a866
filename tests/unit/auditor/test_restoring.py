"""An auditor whose files were damaged, lost or brought back from an older copy: it heals, or says what to do."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode
from refbus.errors import Code, RefbusError
from refbus.files import write_whole
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.custody import LogSecret
from refbus.trust.homes import Home, Identity
from refbus_auditor.home import AuditorHome
from refbus_auditor.putback import restore
from support.auditors import AuditNode, Auditors
from support.ceremonies import PASSPHRASE, lab
from support.directories import auditor
from support.emptied import WAYS, put_other
from support.logs import mth

DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "emptied": lambda _content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "gone": lambda _content: None,
    "flipped": lambda content: _flipped(content, len(content) // 2),
    "flipped at its beginning": lambda content: _flipped(content, 0),
}
DERIVED = ("checkpoint", "tile/0/000", "tile/0/001.p/4", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/4")


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def damage(path: Path, how: str) -> None:
    """Do to a file what a bad disk, a full one or a half copy does."""
    changed = DAMAGES[how](path.read_bytes())
    if changed is None:
        path.unlink()
    else:
        path.write_bytes(changed)


def grown(world: Auditors) -> tuple[AuditNode, list[bytes]]:
    """Return the auditor of kz with a log of 260 entries, two full levels of files, and its entries."""
    leaves = world.log(260)
    world.settle()
    return world.nodes["kz"], leaves


def require_goes_on(world: Auditors, node: AuditNode, leaves: list[bytes]) -> None:
    """Require that the log is sound, is exactly these entries, and grows with its quorum."""
    assert Checkpoint.parse(node.note().text).root == mth(leaves)
    leaves = [*leaves, *world.log(2)]
    world.settle()
    assert Checkpoint.parse(node.note().text).root == mth(leaves)
    node.require_sound()


def require_signed_once(world: Auditors, before: dict[int, bytes]) -> None:
    """Require that no size has been signed with another root than it had."""
    checkpoint = Checkpoint.parse(world.nodes["kz"].note().text)
    assert before.setdefault(checkpoint.size, checkpoint.root) == checkpoint.root


def test_the_newest_store_with_an_older_copy_of_the_files_goes_on(world: Auditors, tmp_path: Path) -> None:
    """What the documented restore puts together: tiles and checkpoint are made again from the store."""
    node = world.nodes["kz"]
    leaves = world.log(3)
    world.settle()
    shutil.copytree(node.home.log_folder, tmp_path / "older")
    leaves += world.log(257)
    world.settle()
    node.home.close()
    shutil.rmtree(node.folder / "log")
    shutil.copytree(tmp_path / "older", node.folder / "log")
    node.open()
    world.settle()
    require_goes_on(world, node, leaves)


def test_without_any_file_the_log_is_made_again(world: Auditors) -> None:
    """The store has every entry, so `log/` may be lost."""
    node, leaves = grown(world)
    node.home.close()
    shutil.rmtree(node.folder / "log")
    node.open()
    world.settle()
    require_goes_on(world, node, leaves)


@pytest.mark.parametrize("how", sorted(DAMAGES))
def test_damaged_files_of_the_log_heal_at_the_start(world: Auditors, how: str) -> None:
    """Each in turn, and all at once: the same bytes are there again, and the checkpoint is cosigned again."""
    node, leaves = grown(world)
    whole = {name: (node.log_folder() / name).read_bytes() for name in DERIVED}
    signed: dict[int, bytes] = {}
    for names in (*((name,) for name in DERIVED), DERIVED):
        for name in names:
            damage(node.log_folder() / name, how)
        node.restart()
        require_signed_once(world, signed)
        for name in DERIVED[1:]:
            assert (node.log_folder() / name).read_bytes() == whole[name]
    world.settle()
    node.require_sound()
    require_goes_on(world, node, leaves)


@pytest.mark.parametrize("how", sorted(DAMAGES))
def test_a_damaged_list_of_what_was_erased_heals(world: Auditors, how: str) -> None:
    """The store knows what it has erased: the list has every line again, and a line that is none stops nothing."""
    node = world.nodes["kz"]
    names = {bytes([number]) * 32 for number in range(3)}
    node.home.erased.write_bytes(b"".join(name.hex().encode() + b"\n" for name in sorted(names)))
    node.restart()
    damage(node.home.erased, how)
    node.restart()
    assert {name.hex() for name in names} <= set(node.home.erased.read_text().split())


@pytest.mark.parametrize("how", sorted(DAMAGES))
def test_a_damaged_store_signs_no_second_history(world: Auditors, how: str) -> None:
    """It starts with what it has signed, or ends with a code that says what to do; the published log stays."""
    node, leaves = grown(world)
    node.home.close()
    for each in (node.folder / "store").glob("auditor.db-*"):
        each.unlink()
    published = (node.log_folder() / "checkpoint").read_bytes()
    damage(node.folder / "store" / "auditor.db", how)
    code = None
    try:
        node.open()
    except RefbusError as error:
        code = error.code
    if code is None:
        assert Checkpoint.parse(node.note().text).root == mth(leaves)
    else:
        assert code in {Code.LOG_ROLLED_BACK, Code.LOG_STORE_DAMAGED, Code.STORE_FAILED, Code.HOME_DAMAGED}
        assert (node.log_folder() / "checkpoint").read_bytes() == published


def test_an_entry_that_was_edited_in_the_store_is_found(world: Auditors) -> None:
    """LOG_STORE_DAMAGED, and the files, which are right, are not overwritten with what is wrong."""
    node, _ = grown(world)
    with node.home.database.writing() as connection:
        connection.exec_driver_sql("UPDATE entry SET leaf = zeroblob(47) WHERE place = 7")
    bundle = (node.log_folder() / "tile/entries/000").read_bytes()
    with pytest.raises(RefbusError) as caught:
        node.restart()
    assert caught.value.code is Code.LOG_STORE_DAMAGED
    assert (node.log_folder() / "tile/entries/000").read_bytes() == bundle


def test_the_operator_restores_by_a_command(world: Auditors, tmp_path: Path) -> None:
    """A copy that signed less than a store which works is refused; a damaged one too, and nothing is changed."""
    node, leaves = grown(world)
    node.home.close()
    store, copy, damaged = node.folder / "store" / "auditor.db", tmp_path / "copy.db", tmp_path / "damaged.db"
    shutil.copy(store, copy)
    shutil.copy(store, damaged)
    with closing(sqlite3.connect(damaged)) as opened:
        opened.execute("UPDATE entry SET leaf = zeroblob(47) WHERE place = 7")
        opened.commit()
    node.open()
    leaves += world.log(1)
    world.settle()
    node.home.close()
    for source, older, code in ((copy, False, Code.BACKUP_OLDER), (damaged, True, Code.LOG_STORE_DAMAGED)):
        with pytest.raises(RefbusError) as caught:
            restore(node.folder, PASSPHRASE, source, older=older)
        assert caught.value.code is code
    node.open()
    require_goes_on(world, node, leaves)
    node.home.close()
    said = restore(node.folder, PASSPHRASE, copy, older=True)
    assert f"{node.origin()}: signed up to entry 260" in said
    with pytest.raises(RefbusError) as caught:
        node.open()
    assert caught.value.code is Code.LOG_ROLLED_BACK


@pytest.mark.parametrize("way", WAYS)
def test_an_emptied_store_is_not_taken_for_new(world: Auditors, tmp_path: Path, way: str) -> None:
    """HOME_DAMAGED before anything is signed, also where the files of the log were lost with it."""
    node, leaves = grown(world)
    node.home.close()
    copy = shutil.copytree(node.folder, tmp_path / "copy")
    store = node.folder / "store" / "auditor.db"
    WAYS[way](store)
    shutil.rmtree(node.folder / "log")
    with pytest.raises(RefbusError) as caught:
        node.open()
    assert caught.value.code is Code.HOME_DAMAGED
    restore(node.folder, PASSPHRASE, copy / "store" / "auditor.db", older=False)
    node.open()
    world.settle()
    require_goes_on(world, node, leaves)


def test_the_store_of_another_country_is_refused(world: Auditors) -> None:
    """HOME_DAMAGED: a log of the neighbour is never signed with our key."""
    node, other = world.nodes["kz"], world.nodes["uz"]
    node.home.close()
    put_other(node.folder / "store" / "auditor.db", other.folder / "store" / "auditor.db")
    with pytest.raises(RefbusError) as caught:
        node.open()
    assert caught.value.code is Code.HOME_DAMAGED


def test_a_home_comes_back_whole_and_nothing_newer_is_lost(tmp_path: Path) -> None:
    """Keys, evidence and the list of what was erased come from the copy where the home has none; its own stay."""
    folder = tmp_path / "home"
    kz = CountryCode("kz")
    identity = Identity(auditor(kz), kz, OrgRole.AUDITOR)
    home = Home.create(folder, identity, lab(tmp_path).paths.root.read_bytes())
    home.save_log_secret(LogSecret.generate(), PASSPHRASE, memory_kib=64)
    AuditorHome.open(folder, PASSPHRASE).close()
    for name, content in (("evidence/uz-1", b"convicts"), ("erased", b"aa" * 32 + b"\n")):
        write_whole(folder / name, content)
    copy = shutil.copytree(folder, tmp_path / "copy")
    whole = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    write_whole(folder / "evidence" / "uz-1", b"newer")
    (folder / "keys" / "log.key").unlink()
    restore(folder, PASSPHRASE, copy, older=False)
    assert (folder / "evidence" / "uz-1").read_bytes() == b"newer"
    AuditorHome.open(folder, PASSPHRASE).close()
    shutil.rmtree(folder)
    restore(folder, PASSPHRASE, copy, older=False)
    AuditorHome.open(folder, PASSPHRASE).close()
    names = ("evidence/uz-1", "erased", "keys/log.key", "org.json", "root.json", "auditor.db.made")
    assert {name: (folder / name).read_bytes() for name in names} == {name: whole[Path(name)] for name in names}
