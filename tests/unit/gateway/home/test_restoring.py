"""Backups and restores: who wrote it, what it may replace, a stop at each step, media without modes, newer stores."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.errors import Code
from refbus_gateway.cases import casework
from refbus_gateway.home import backups
from refbus_gateway.home.folder import Config, Home
from refbus_gateway.store import cases, consents, referrals
from support.ceremonies import AGENCY, SHELTER
from support.gateways import Pair, case_file, new_case, sent, withdraw_all
from support.refusals import refused
from support.restores import bring_back, opened


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
