"""Backups and restores: who wrote it, what it may replace, a stop at each step, media without modes, newer stores."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from refbus import files
from refbus.crypto.framing import sha256
from refbus.database import erased as lists
from refbus.errors import Code, RefbusError, StoreError
from refbus.files import copy_whole
from refbus_gateway.cases import casework
from refbus_gateway.erasure import demand
from refbus_gateway.home import backups, erased_again
from refbus_gateway.home.folder import Config, Home
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.home.restore import Restored, restore
from refbus_gateway.store import alarms, cases, consents, referrals
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER
from support.gateways import Pair, alarm_codes, case_file, new_case, sent, withdraw_all


class Cut(BaseException):
    """The process ends here."""


def bring_back(own: Pair, folder: Path, home: Home, *, unproven: bool = False) -> Restored:
    """Restore with the clock of the world."""
    return restore(folder, home, PASSPHRASE, own.world.clock, unproven=unproven)


def opened(own: Pair, home: Home) -> Gateway:
    """Open a home as it is now."""
    return open_gateway(home, PASSPHRASE, own.world.clock)


def refused(call: Callable[[], Any]) -> Code:
    """Return the code of the refusal that a call ends with."""
    with pytest.raises(RefbusError) as raised:
        call()
    return raised.value.code


def everything(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder, locks and what the database does beside itself left out."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    left_out = (".lock", "-shm", "-wal", "lock")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in found if not path.name.endswith(left_out)
    }


@pytest.fixture
def home(own: Pair) -> Home:
    """Give the home of the agency."""
    return own.world.home(AGENCY)


@pytest.fixture
def backup(own: Pair, tmp_path: Path) -> Path:
    """Give a backup with one case that was sent; the agency's gateway is closed."""
    sent(own.kz)
    folder = tmp_path / "stick" / "monday"
    own.kz.home.save_config(Config("127.0.0.1:9092", "", ("notify-send", "Fictional"), 60))
    assert backups.back_up(own.kz, folder) > 5
    own.kz.close()
    return folder


def test_a_backup_comes_back_on_another_computer(own: Pair, backup: Path, tmp_path: Path) -> None:
    """Keys, directory and store are whole; the sender goes on where the backup was made."""
    done = bring_back(own, backup, Home(tmp_path / "elsewhere"))
    assert (done.backup.org_id, done.backup.proven, done.kept_store, done.before) == (AGENCY, True, False, None)
    restored = opened(own, Home(tmp_path / "elsewhere"))
    with restored.store.read() as tx:
        assert cases.get(tx, 1).key is not None
        assert referrals.get(tx, 1).org == SHELTER
    restored.close()


def test_a_store_from_a_backup_is_a_new_generation(own: Pair, backup: Path, home: Home, tmp_path: Path) -> None:
    """The id of the store's life changes where an older copy goes on, and only there."""
    bring_back(own, backup, Home(tmp_path / "elsewhere"))
    bring_back(own, backup, home)
    here, there = opened(own, home), opened(own, Home(tmp_path / "elsewhere"))
    assert here.generation == own.kz.generation != there.generation
    here.close()
    there.close()


def test_a_home_that_is_sound_never_gets_older(own: Pair, home: Home, tmp_path: Path) -> None:
    """What came after the backup is there after the restore: cases, and above all every no."""
    case, _ = sent(own.kz)
    backups.back_up(own.kz, tmp_path / "backup")
    later = new_case(own.kz, case_file(about="Fictional: another"))
    withdraw_all(own.kz, case)
    with own.kz.store.write() as tx:
        casework.deny(tx, cases.get(tx, later), [SHELTER])
    own.kz.close()
    done = bring_back(own, tmp_path / "backup", home)
    assert done.kept_store
    assert done.before == home.path.with_name(f"{home.path.name}.before-restore")
    restored = opened(own, home)
    with restored.store.read() as tx:
        assert {each.signed.record.version for each in consents.of_case(tx, cases.get(tx, case))} == {1, 2}
        assert cases.body_of(tx, cases.get(tx, later))["denied_recipients"] == [SHELTER]
    restored.close()


@pytest.mark.parametrize("damage", ["store", "empty store", "key", "settings", "org", "keys"])
def test_the_backup_gives_what_is_damaged(own: Pair, backup: Path, home: Home, damage: str) -> None:
    """Whatever of the home is damaged comes from the backup; the rest stays."""
    match damage:
        case "store":
            home.store_path.write_bytes(b"no database" * 500)
        case "empty store":
            home.store_path.write_bytes(b"")
        case "key":
            home.store_key.write_bytes(home.store_key.read_bytes()[:-3])
        case "settings":
            home.settings_path.write_bytes(b"{")
        case "org":
            (home.path / "org.json").write_bytes(b"")
        case _:
            shutil.rmtree(home.path / "keys")
    done = bring_back(own, backup, home)
    assert done.kept_store is ("store" not in damage)
    assert (done.settings is not None) is (damage == "settings")
    restored = opened(own, home)
    with restored.store.read() as tx:
        assert cases.get(tx, 1).key is not None
    restored.close()


def test_settings_of_a_backup_are_asked_about_first(own: Pair, backup: Path, tmp_path: Path) -> None:
    """On a clean computer the command, the broker and the TLS folder of the backup are told and not used."""
    done = bring_back(own, backup, Home(tmp_path / "elsewhere"))
    assert done.settings == Config("127.0.0.1:9092", "", ("notify-send", "Fictional"), 60)
    assert Home(tmp_path / "elsewhere").config() == Config()


def test_a_backup_never_overwrites(own: Pair, backup: Path) -> None:
    """The folder of a backup is new."""
    again = opened(own, own.world.home(AGENCY))
    assert refused(lambda: backups.back_up(again, backup)) is Code.USAGE
    again.close()


@pytest.mark.parametrize("place", ["backup", "keys/backup", "../{home}/backup"])
def test_a_backup_does_not_lie_in_the_home(own: Pair, home: Home, place: str) -> None:
    """A folder inside of the home is refused, however it is written; it would copy itself."""
    target = home.path / place.format(home=home.path.name)
    assert refused(lambda: backups.back_up(own.kz, target)) is Code.USAGE
    assert not target.exists()


@pytest.mark.parametrize("damage", ["changed", "missing", "added", "manifest", "command", "link", "mac"])
def test_a_changed_backup_is_refused(own: Pair, backup: Path, tmp_path: Path, damage: str) -> None:
    """BACKUP_INVALID, also when whoever changed it made every hash right: the MAC needs the store key."""
    manifest = json.loads((backup / backups.MANIFEST).read_text())
    match damage:
        case "changed":
            (backup / "org.json").write_bytes(b"{}")
        case "missing":
            (backup / "root.json").unlink()
        case "added":
            (backup / "extra").write_bytes(b"")
        case "link":
            (backup / "root.json").rename(tmp_path / "root.json")
            (backup / "root.json").symlink_to(tmp_path / "root.json")
        case "manifest":
            (backup / backups.MANIFEST).write_text("{}")
        case "mac":
            (backup / backups.MANIFEST).write_text(json.dumps({**manifest, "mac": 7}))
        case _:
            content = Config(notify_command=("rm", "-r", "/fictional")).encode()
            (backup / "gateway.json").write_bytes(content)
            manifest["files"]["gateway.json"] = sha256(content).hex()
            (backup / backups.MANIFEST).write_text(json.dumps(manifest))
    assert refused(lambda: bring_back(own, backup, Home(tmp_path / "elsewhere"))) is Code.BACKUP_INVALID
    assert not (tmp_path / "elsewhere").exists()


def test_a_backup_of_the_first_format_needs_an_option(own: Pair, backup: Path, tmp_path: Path) -> None:
    """Nothing proves who wrote it: BACKUP_UNPROVEN, and with the option it is said that nothing is proven."""
    unprove(backup)
    assert refused(lambda: bring_back(own, backup, Home(tmp_path / "elsewhere"))) is Code.BACKUP_UNPROVEN
    done = bring_back(own, backup, Home(tmp_path / "elsewhere"), unproven=True)
    assert not done.backup.proven


def unprove(backup: Path) -> None:
    """Make a backup one of the first format, with its hashes right."""
    manifest = json.loads((backup / backups.MANIFEST).read_text())
    hashes = {name: sha256((backup / name).read_bytes()).hex() for name in manifest["files"]}
    old = {"format": "refbus-backup/1", "org_id": AGENCY, "made_ms": manifest["made_ms"], "files": hashes}
    (backup / backups.MANIFEST).write_text(json.dumps(old))


def test_a_damaged_database_in_a_backup_is_refused(own: Pair, backup: Path, home: Home) -> None:
    """It is opened before anything takes the place of the home, whatever the hashes say."""
    (backup / "store.db").write_bytes(b"no database" * 500)
    unprove(backup)
    before = everything(home.path)
    assert refused(lambda: bring_back(own, backup, home, unproven=True)) is Code.BACKUP_INVALID
    assert everything(home.path) == before


def test_a_backup_of_another_organisation_is_refused(own: Pair, backup: Path) -> None:
    """BACKUP_INVALID: a home does not become somebody else's."""
    assert refused(lambda: bring_back(own, backup, own.world.home(SHELTER))) is Code.HOME_IN_USE
    own.uz.close()
    assert refused(lambda: bring_back(own, backup, own.world.home(SHELTER))) is Code.BACKUP_INVALID


def test_a_wrong_passphrase_changes_nothing(own: Pair, backup: Path, home: Home) -> None:
    """KEYFILE_WRONG_PASSPHRASE before the home is looked at."""
    before = everything(home.path)
    wrong = lambda: restore(backup, home, "not the passphrase", own.world.clock)  # noqa: E731
    assert refused(wrong) is Code.KEYFILE_WRONG_PASSPHRASE
    assert everything(home.path) == before


def test_a_medium_without_modes_is_enough(own: Pair, backup: Path, tmp_path: Path) -> None:
    """From a stick where every file may be read by everybody; what comes back is the owner's alone."""
    for path in backup.rglob("*"):
        path.chmod(0o777)
    bring_back(own, backup, Home(tmp_path / "elsewhere"))
    assert loose(tmp_path / "elsewhere") == []
    opened(own, Home(tmp_path / "elsewhere")).close()


def loose(folder: Path) -> list[str]:
    """Return what below a folder somebody else than the owner may use, the folder included."""
    return [path.name for path in (folder, *folder.rglob("*")) if path.stat().st_mode & 0o077]


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Let the umask take nothing away."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_homes_and_stores_are_private_whatever_the_umask(own: Pair, backup: Path, tmp_path: Path) -> None:
    """Folders 0700, files 0600, the write-ahead log of an open store too."""
    bring_back(own, backup, Home(tmp_path / "elsewhere"))
    restored = opened(own, Home(tmp_path / "elsewhere"))
    new_case(restored, case_file(about="Fictional: while it is open"))
    assert (tmp_path / "elsewhere" / "store.db-wal").is_file()
    assert loose(tmp_path / "elsewhere") == []
    backups.back_up(restored, tmp_path / "more" / "tuesday")
    restored.close()
    assert loose(tmp_path / "more") == []


@pytest.mark.parametrize("whose", ["backup", "home"])
def test_a_newer_store_is_named_and_nothing_is_touched(own: Pair, backup: Path, home: Home, whose: str) -> None:
    """STORE_NEWER for a store of a later version, in the backup or in the home."""
    unprove(backup)
    newer(backup / "store.db" if whose == "backup" else home.store_path)
    unprove(backup)
    before = everything(home.path)
    assert refused(lambda: bring_back(own, backup, home, unproven=True)) is Code.STORE_NEWER
    assert everything(home.path) == before


def newer(store: Path) -> None:
    """Make a store one that a later program wrote."""
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


def test_a_newer_store_is_not_opened(own: Pair, home: Home) -> None:
    """STORE_NEWER, never a fault of the program."""
    own.kz.close()
    newer(home.store_path)
    with pytest.raises(StoreError) as raised:
        opened(own, home)
    assert raised.value.code is Code.STORE_NEWER


def test_a_linked_home_stays_on_its_disk(own: Pair, backup: Path, home: Home, tmp_path: Path) -> None:
    """The link stays a link, and the copy is beside what it links to."""
    disk = tmp_path / "disk"
    disk.mkdir()
    home.path.rename(disk / "home")
    home.path.symlink_to(disk / "home")
    done = bring_back(own, backup, home)
    assert home.path.is_symlink()
    assert done.path == disk / "home"
    assert done.before == disk / "home.before-restore"
    opened(own, home).close()


def test_the_folder_of_work_may_be_the_home(
    own: Pair, backup: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--home .` names the folder that it is."""
    monkeypatch.chdir(home.path)
    done = bring_back(own, backup, Home(Path()))
    assert done.path == home.path.resolve()
    opened(own, home).close()


def test_a_home_at_work_is_not_replaced(own: Pair, backup: Path, home: Home) -> None:
    """HOME_IN_USE while a command or `refbus run` of this or an older version has the home."""
    at_work = opened(own, home)
    assert refused(lambda: bring_back(own, backup, home)) is Code.HOME_IN_USE
    at_work.close()
    with home.exclusive():
        assert refused(lambda: bring_back(own, backup, home)) is Code.HOME_IN_USE
    bring_back(own, backup, home)


def test_nobody_works_in_a_home_that_is_being_replaced(
    own: Pair, backup: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HOME_IN_USE for every other command, from before the store is read until the home is in its place."""
    told: list[Code] = []
    monkeypatch.setattr(
        "refbus_gateway.home.restore.flush_tree", lambda _: told.append(refused(lambda: opened(own, home)))
    )
    bring_back(own, backup, home)
    assert told == [Code.HOME_IN_USE]


STEPS = ("rename", "replace")


@pytest.mark.parametrize("there", [True, False])
def test_a_restore_may_be_cut_anywhere_and_given_again(
    own: Pair, backup: Path, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    """Cut at each step on the disk: the home opens as it was, or the next try makes it whole; no erased case lives."""
    place = home if there else Home(tmp_path / "clean" / "home")
    at_work = opened(own, home)
    with at_work.store.read() as tx:
        gone = erased_again.name_of(tx.vault, cases.hash_of(tx, cases.get(tx, 1)))
    at_work.close()
    lists.note(home.erased if there else backup / "erased", [gone])
    cuts = 0
    while cut_at(monkeypatch, cuts, lambda: bring_back(own, backup, place)):
        cuts += 1
        if place.path.exists():
            assert_erased(own, place)
    assert cuts >= (3 if there else 2) + 3
    assert_erased(own, place)
    assert not list(place.path.parent.glob(".*.restor[ei]*[gd]"))


def cut_at(monkeypatch: pytest.MonkeyPatch, number: int, call: Callable[[], Any]) -> bool:
    """Do `call` and let the process end at its step with this number; False when there are fewer steps."""
    with monkeypatch.context() as patch:
        count = iter(range(1_000_000))
        for name in STEPS:
            patch.setattr(os, name, cutting(getattr(os, name), number, count))
        try:
            call()
        except Cut:
            return True
    return False


def cutting(real: Callable[..., Any], number: int, count: Iterator[int]) -> Callable[..., Any]:
    """Return a function that ends the process when the common count is at `number`, and before that does the real."""

    def step(*arguments: Any, **options: Any) -> Any:
        if next(count) >= number:
            raise Cut
        return real(*arguments, **options)

    return step


def assert_erased(own: Pair, place: Home) -> None:
    """Check that the home opens and that the case which was erased is."""
    gateway = opened(own, place)
    with gateway.store.read() as tx:
        assert cases.get(tx, 1).key is None
    gateway.close()


def test_a_list_of_erased_cases_is_kept_with_every_backup(own: Pair, backup: Path, tmp_path: Path) -> None:
    """What is erased after a backup is noted in it, and in the newest backup for all beside it."""
    again = opened(own, own.world.home(AGENCY))
    demand.erase(again, 1)
    again.close()
    assert (backup / "erased").read_text() == again.home.erased.read_text()
    shutil.copytree(backup, tmp_path / "stick" / "sunday")
    (tmp_path / "stick" / "sunday" / "erased").unlink()
    bring_back(own, tmp_path / "stick" / "sunday", Home(tmp_path / "elsewhere"))
    assert_erased(own, Home(tmp_path / "elsewhere"))


def hashes_in(store: Path) -> list[bytes]:
    """Return what whoever has a medium reads in its store without a passphrase: the keyed hashes of the cases."""
    with closing(sqlite3.connect(store)) as connection:
        return [row[0] for row in connection.execute("SELECT case_hash FROM cases")]


@pytest.mark.parametrize("there", [True, False], ids=["same computer", "clean computer"])
@pytest.mark.parametrize("beside", [True, False], ids=["a backup beside it", "the backup"])
def test_a_medium_erases_nothing(
    own: Pair, backup: Path, home: Home, tmp_path: Path, *, there: bool, beside: bool
) -> None:
    """Lines that only read like those of the home count for nothing; a person is told which cases they name."""
    named = hashes_in(backup / "store.db")
    assert named
    lines = [*named, *(each + each for each in named), *(each + os.urandom(32) for each in named)]
    place = tmp_path / "stick" / "zzz" if beside else backup
    if beside:
        place.mkdir()
        (place / backups.MANIFEST).write_text("{}")
    files.append_lines(place / "erased", lists.encode(line.hex() for line in lines))
    target = home if there else Home(tmp_path / "elsewhere")
    bring_back(own, backup, target)
    restored = opened(own, target)
    with restored.store.read() as tx:
        assert cases.get(tx, 1).live
        told = [alarm.detail for alarm in alarms.standing_alarms(tx) if alarm.code == Code.BACKUP_UNPROVEN]
    restored.close()
    assert len(told) == 1
    assert "case 1:" in told[0]
    assert target.erased.read_text() == ""


def test_a_home_names_again_what_an_older_version_noted(own: Pair, backup: Path, home: Home, tmp_path: Path) -> None:
    """A bare hash in its own list counts, and is written as a name into the backups too: a clean computer knows it."""
    (gone,) = hashes_in(home.store_path)
    lists.note(home.erased, [gone])
    assert_erased(own, home)
    assert_erased(own, home)
    assert len(home.erased.read_text().splitlines()) == 2
    bring_back(own, backup, Home(tmp_path / "elsewhere"))
    assert_erased(own, Home(tmp_path / "elsewhere"))


@pytest.mark.parametrize("damage", ["folder", "huge"])
def test_a_list_without_end_takes_bounded_room(
    own: Pair, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """Of a list from elsewhere 4 MiB are read; one that cannot be read is told, and the restore goes on."""
    place = tmp_path / "stick" / "zzz"
    place.mkdir()
    (place / backups.MANIFEST).write_text("{}")
    if damage == "huge":
        with (place / "erased").open("wb") as handle:
            handle.truncate(1 << 34)
    else:
        (place / "erased").write_bytes(b"")
        monkeypatch.setattr(Path, "open", failing(Path.open, place / "erased"))
    bring_back(own, backup, Home(tmp_path / "elsewhere"))
    restored = opened(own, Home(tmp_path / "elsewhere"))
    assert (Code.BACKUP_INVALID in alarm_codes(restored)) is (damage == "folder")
    restored.close()


def failing(real: Callable[..., Any], bad: Path) -> Callable[..., Any]:
    """Return `Path.open` on a medium with one sector that cannot be read."""

    def step(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == bad:
            raise OSError(5, "Input/output error")
        return real(path, *arguments, **options)

    return step


@pytest.mark.parametrize("change", ["a listed file", "an extra file", "a manifest"])
def test_a_hostile_medium_fills_no_disk(own: Pair, backup: Path, tmp_path: Path, change: str) -> None:
    """A gigabyte in place of a file, or beside it, is not copied: manifest and hash are verified before."""
    name = {"a listed file": "root.json", "an extra file": "extra", "a manifest": backups.MANIFEST}[change]
    with (backup / name).open("wb") as handle:
        handle.truncate(1 << 30)
    copied: list[Path] = []
    target = tmp_path / "clean" / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backups, "copy_whole", counting(copy_whole, copied))
        assert refused(lambda: bring_back(own, backup, Home(target))) in {Code.BACKUP_INVALID, Code.TOO_LARGE}
    assert backup / name not in copied
    assert not target.exists()


def counting(real: Callable[[Path, Path], bytes], copied: list[Path]) -> Callable[[Path, Path], bytes]:
    """Return the real copying that notes what it copies."""

    def copy(source: Path, target: Path) -> bytes:
        copied.append(source)
        return real(source, target)

    return copy


def test_a_large_file_is_copied_without_being_held(tmp_path: Path) -> None:
    """Copying and hashing 64 MiB takes less than a sixteenth of that in memory: a store may have any size."""
    with (tmp_path / "store.db").open("wb") as handle:
        handle.truncate(1 << 26)
    tracemalloc.start()
    digest = files.copy_whole(tmp_path / "store.db", tmp_path / "copy" / "store.db")
    assert digest == files.sha256_of(tmp_path / "copy" / "store.db")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 22
