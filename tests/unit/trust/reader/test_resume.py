"""A home at rest is opened without verifying its directory once more; what is not at rest is verified at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.counting import counting
from refbus.errors import Code, UntrustedError
from refbus.trust.layout import TIMESTAMP, publishing_order
from refbus.trust.reader.loader import TrustStore
from support.ceremonies import Lab, later, read
from support.directories import NOW_MS
from support.readers import MEMBERS, suspend

VERIFIES = ("refbus/trust/reader/client.py", "verify")


def resumed(folder: Path, now_ms: int = NOW_MS, known: bytes | None = None) -> tuple[TrustStore, int]:
    """Open the store of a process that has just begun; return it, and how often TUF verified.

    `known`: the fingerprint that was kept; without one, whatever is there counts as known.
    """
    store = TrustStore(folder)
    with counting() as counts:
        store.resume(now_ms, lambda found: known in {None, found}, lambda _root: None)
    return store, counts.calls[VERIFIES]


def test_what_was_verified_is_in_force_without_verifying_it_again(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """The timestamp that arrived last is the one that was verified, and what was made of it is there."""
    read(store, fed.files())
    again, verified = resumed(tmp_path / "reader")
    assert (again.history, verified) == (store.history, 0)


def test_the_first_change_is_verified_with_all_that_arrived(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """After an opening at rest a newer version comes in as after any other, and an older one does not."""
    old = fed.files()
    read(store, old)
    again, _ = resumed(tmp_path / "reader")
    suspend(fed, now_ms=later(1))
    assert read(again, fed.files(), later(1)).version == 2
    with pytest.raises(UntrustedError):
        read(fed.store(tmp_path / "reader"), old, later(1))
    assert resumed(tmp_path / "reader", later(1))[0].history.latest.version == 2


def test_what_arrived_and_was_not_verified_is_verified_at_the_opening(
    fed: Lab, store: TrustStore, tmp_path: Path
) -> None:
    """A stop came after the last file: the newer version is in force as soon as somebody opens the home."""
    read(store, fed.files())
    suspend(fed, now_ms=later(1))
    incoming = tmp_path / "reader" / "incoming"
    for path, content in fed.files():
        (incoming / path).parent.mkdir(parents=True, exist_ok=True)
        (incoming / path).write_bytes(content)
    again, verified = resumed(tmp_path / "reader", later(1))
    assert (again.history.latest.version, verified) == (2, 1)


def test_a_false_timestamp_that_arrived_is_looked_at_and_changes_nothing(
    fed: Lab, store: TrustStore, tmp_path: Path
) -> None:
    """Its bytes are not those that were verified, so nothing is at rest; TUF refuses it, and the version stays."""
    read(store, fed.files())
    false = json.loads(dict(fed.files())[TIMESTAMP])
    false["signed"]["version"] += 1
    (tmp_path / "reader" / "incoming" / TIMESTAMP).write_text(json.dumps(false), encoding="utf-8")
    again, _ = resumed(tmp_path / "reader")
    assert again.history == store.history
    assert again.last_error is not None
    assert again.last_error.code is Code.DIRECTORY_INVALID


@pytest.mark.parametrize("name", ["root.json", "tuf/snapshot.json", "versions/1.json"])
def test_what_is_believed_and_was_changed_at_rest_is_verified_at_the_opening(
    fed: Lab, store: TrustStore, tmp_path: Path, name: str
) -> None:
    """Another process changed one byte, with a right checksum: the fingerprint is another, and TUF looks again."""
    read(store, fed.files())
    store.load(NOW_MS)
    known = store.fingerprint()
    assert known is not None
    assert resumed(tmp_path / "reader", known=known)[1] == 0
    path = tmp_path / "reader" / name
    content = path.read_bytes()
    if name == "versions/1.json":
        body = content.partition(b"\n")[2] + b" "
        path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    else:
        path.write_bytes(content + b" ")
    assert resumed(tmp_path / "reader", known=known)[1] == 1


@pytest.mark.parametrize("number", [2, 9])
def test_a_version_that_nobody_signed_is_made_again_from_what_was_verified(
    fed: Lab, store: TrustStore, tmp_path: Path, number: int
) -> None:
    """Written at rest, with a right checksum, under the number in force or a later one; it is not in force after it."""
    read(store, fed.files())
    suspend(fed, now_ms=later(1))
    read(store, fed.files(), later(1))
    store.load(later(1))
    known, good = store.fingerprint(), store.history
    assert len(good.latest.organisations) == MEMBERS  # read now: afterwards the file is another
    folder = tmp_path / "reader" / "versions"
    head = json.loads((folder / "2.json").read_bytes().split(b"\n")[1])
    index = (folder / "1.json").read_bytes().split(b"\n")[2]
    false = {**head, "version": number, "index": hashlib.sha256(index).hexdigest()}
    body = json.dumps(false, sort_keys=True).encode() + b"\n" + index
    (folder / f"{number}.json").write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    again, _ = resumed(tmp_path / "reader", later(2), known=known)
    assert (again.history.latest, again.last_error) == (good.latest, None)
    kept = again.fingerprint()
    assert kept is not None
    once_more, verified = resumed(tmp_path / "reader", later(2), known=kept)
    assert (once_more.history.latest, verified) == (good.latest, 0)
    assert sorted(path.name for path in folder.glob("*.json")) == ["1.json", "2.json"]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("damage", [_cut, Path.unlink])
def test_a_version_that_is_damaged_here_is_made_again(
    fed: Lab, store: TrustStore, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """The newest version is never quietly replaced by the one before it."""
    read(store, fed.files())
    suspend(fed, now_ms=later(1))
    read(store, fed.files(), later(1))
    damage(tmp_path / "reader" / "versions" / "2.json")
    again, verified = resumed(tmp_path / "reader", later(1))
    assert (again.history.latest.version, verified) == (2, 1)
    assert publishing_order(path for path, _ in again.files())
