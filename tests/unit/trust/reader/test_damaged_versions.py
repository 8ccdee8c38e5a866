"""What was verified and is damaged on the disk, cannot be read just now, or was written by somebody else."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refbus.errors import Code, StoreError
from refbus.recent import Recent
from refbus.trust.member import endorsement
from refbus.trust.reader import versions
from refbus.trust.reader.loader import TrustStore
from refbus.trust.reader.members import Members
from support.ceremonies import SHELTER, Lab, later, read
from support.directories import NOW_MS
from support.readers import MEMBERS, suspend

Change = Callable[[Any], object]
CHANGES: dict[str, Change] = {
    "no members": lambda index: index.pop("members"),
    "a short row": lambda index: index["members"].update(x=[1]),
    "an unknown role": lambda index: index["members"][SHELTER].__setitem__(3, "nobody"),
    "a list for an object": lambda index: index.update(enrolments=[]),
    "no index": lambda index: index.clear(),
}


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as a fresh process."""
    monkeypatch.setattr(endorsement, "_checked", Recent(4_096))


def started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> TrustStore:
    """Return the store as a fresh process has it, at rest, with nobody read so far."""
    monkeypatch.setattr(endorsement, "_checked", Recent(4_096))
    again = TrustStore(folder)
    assert again.resume(NOW_MS, lambda _: True, lambda _root: None)
    return again


def damage(store: TrustStore, folder: Path) -> None:
    """Empty both copies of a member's file."""
    members = store.history.latest.organisations
    assert isinstance(members, Members)
    found = [*folder.rglob(f"*{members.index[SHELTER].file}*")]
    assert len(found) == 2
    for path in found:
        path.write_bytes(b"")


@pytest.mark.parametrize("change", CHANGES)
def test_an_index_that_nobody_made_is_made_again_at_the_start(
    fed: Lab, store: TrustStore, tmp_path: Path, change: str
) -> None:
    """Its checksum is right, what stands in it cannot be read: it holds up no start."""
    read(store, fed.files())
    path = tmp_path / "reader" / "versions" / "1.json"
    _, head, index = path.read_bytes().split(b"\n")
    changed = json.loads(index)
    CHANGES[change](changed)
    body = head + b"\n" + json.dumps(changed).encode()
    path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    again = TrustStore(tmp_path / "reader")
    assert not again.resume(NOW_MS, lambda _: False, lambda _root: None)
    assert len(dict(again.history.latest.organisations)) == MEMBERS
    assert again.history.latest.briefs() == store.history.latest.briefs()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_what_cannot_be_read_just_now_is_not_damaged(
    fed: Lab, store: TrustStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A machine that is short of handles loses no verified version: the next look has it."""
    read(store, fed.files())
    again = started(tmp_path / "reader", monkeypatch)
    assert len(again.history.latest.organisations) == MEMBERS

    def short(_path: Path) -> bytes:
        raise OSError(number, "short")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", short)
        with pytest.raises(StoreError) as caught:
            again.history.latest.find(SHELTER)
    assert caught.value.code is Code.STORE_FAILED
    assert (tmp_path / "reader" / "versions" / "1.json").is_file()
    assert again.history.latest.find(SHELTER) is not None


def test_a_version_lost_while_it_is_in_force_comes_again_without_a_start(
    fed: Lab, store: TrustStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever meets the damage knows that files are wanted; when they came again, everybody is there."""
    read(store, fed.files())
    again = started(tmp_path / "reader", monkeypatch)
    damage(again, tmp_path / "reader")
    with pytest.raises(StoreError):
        again.history.latest.find(SHELTER)
    again.catch_up(lambda: NOW_MS)
    assert (again.is_lost, again.wants_files) == (True, True)
    assert again.history.latest.version == 1
    again.refresh_from(fed.files(), NOW_MS)
    assert (again.is_lost, again.wants_files) == (False, False)
    assert again.history.latest.find(SHELTER) is not None
    assert len(versions.load_all(tmp_path / "reader" / "versions")) == 1


def test_a_lost_version_gives_way_to_no_older_one(
    fed: Lab, store: TrustStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by the version before, which is kept, nor by its files with the updater's state of then."""
    read(store, fed.files())
    before = dict(fed.files())
    suspend(fed, now_ms=later(1))
    read(store, fed.files(), later(1))
    again = started(tmp_path / "reader", monkeypatch)
    damage(again, tmp_path / "reader")
    with pytest.raises(StoreError):
        again.history.latest.find(SHELTER)
    again.catch_up(lambda: later(1))
    for path in (tmp_path / "reader" / "tuf").rglob("*.json"):
        path.unlink()
    with pytest.raises(Exception, match="DIRECTORY"):
        again.refresh_from(before.items(), later(1))
    assert (again.history.latest.version, again.is_lost) == (2, True)
    again.refresh_from(fed.files(), later(1))
    assert (again.history.latest.version, again.is_lost) == (2, False)


def test_a_version_that_was_read_and_is_damaged_since_counts_no_more(
    fed: Lab, store: TrustStore, tmp_path: Path
) -> None:
    """Every look is at what is on the disk, in tests too."""
    read(store, fed.files())
    path = tmp_path / "reader" / "versions" / "1.json"
    assert len(versions.load_all(path.parent)) == 1
    path.write_bytes(b"damaged")
    assert versions.load_all(path.parent) == []
