"""A stop at each step of a restore, and media that somebody else had in hand."""

from __future__ import annotations

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
from refbus.database import erased as lists
from refbus.errors import Code
from refbus.files import copy_whole
from refbus_gateway.erasure import demand
from refbus_gateway.home import backups, erased_again
from refbus_gateway.home.folder import Home
from refbus_gateway.store import alarms, cases
from support.ceremonies import AGENCY
from support.gateways import Pair, alarm_codes, case_file, new_case
from support.refusals import refused
from support.restores import assert_erased, bring_back, opened


class Cut(BaseException):
    """The process ends here."""


STEPS = ("rename", "replace")


@pytest.mark.parametrize("there", [True, False])
def test_a_restore_may_be_cut_anywhere_and_given_again(
    own: Pair, backup: Path, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    """Cut at each step on the disk: the home opens as it was, or the next try makes it whole.

    No erased case lives, and nothing is lost that the home had and the backup has not.
    """
    place = home if there else Home(tmp_path / "clean" / "home")
    at_work = opened(own, home)
    with at_work.store.read() as tx:
        gone = erased_again.name_of(tx.vault, cases.hash_of(tx, cases.get(tx, 1)))
    newer = new_case(at_work, case_file(about="Fictional: after the backup"))
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
    after = opened(own, place)
    with after.store.read() as tx:
        known = cases.live_hashes(tx)
    after.close()
    assert (newer in known) is there


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
