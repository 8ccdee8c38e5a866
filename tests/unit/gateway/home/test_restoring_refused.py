"""Backups that are refused: changed, damaged, of others, newer; nothing is touched then."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from refbus.crypto.framing import sha256
from refbus.errors import Code, StoreError
from refbus_gateway.home import backups
from refbus_gateway.home.folder import Config, Home
from refbus_gateway.home.restore import restore
from support.ceremonies import AGENCY, SHELTER
from support.gateways import Pair
from support.refusals import refused
from support.restores import bring_back, everything, opened, unprove


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


@pytest.mark.parametrize("made_ms", [10**300, 2**63, -1, 0, True, "1", None])
def test_a_backup_made_at_no_time_is_refused(own: Pair, backup: Path, tmp_path: Path, made_ms: object) -> None:
    """BACKUP_INVALID: nobody computes with a moment that anybody can have written."""
    unprove(backup)
    manifest = json.loads((backup / backups.MANIFEST).read_text())
    (backup / backups.MANIFEST).write_text(json.dumps({**manifest, "made_ms": made_ms}))
    elsewhere = Home(tmp_path / "elsewhere")
    assert refused(lambda: bring_back(own, backup, elsewhere, unproven=True)) is Code.BACKUP_INVALID


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
