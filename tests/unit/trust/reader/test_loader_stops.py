"""A damaged file, a full disk or a kill at any file loses no version."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from refbus.core.directory import OrgStatus
from refbus.errors import Code, SetupError, StoreError, UncheckableError
from refbus.trust.reader.loader import TrustStore
from support.ceremonies import SHELTER, Lab, lab, read
from support.directories import NOW_MS
from support.readers import MEMBERS, suspend


def test_a_target_damaged_on_disk_is_asked_for_again(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """Bytes cut short by a power failure count as not arrived, and arriving again heals them."""
    *rest, last = fed.files()
    for path, content in rest:
        store.add_file(path, content, NOW_MS)
    target = next(path for path, _ in rest if path.startswith("targets/uz"))
    (tmp_path / "reader" / "incoming" / target).write_bytes(b"")
    with pytest.raises(UncheckableError):
        store.add_file(*last, NOW_MS)
    assert store.add_file(target, dict(rest)[target], NOW_MS) is not None


def test_a_damaged_version_is_made_again(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """The checksum finds it, and what arrived makes it anew."""
    read(store, fed.files())
    path = tmp_path / "reader" / "versions" / "1.json"
    path.write_bytes(path.read_bytes()[:-1])
    again = fed.store(tmp_path / "reader").load(NOW_MS)
    assert again is not None
    assert again.latest == store.history.latest


def test_a_missing_root_says_so(tmp_path: Path) -> None:
    """Without its pinned root a store believes nothing."""
    with pytest.raises(SetupError) as caught:
        TrustStore(tmp_path).load(NOW_MS)
    assert caught.value.code is Code.FILE_UNREADABLE


def test_a_full_disk_is_a_store_error(fed: Lab, store: TrustStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is not taken, the error says why, and the same call works later."""

    def full(_source: object, _target: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(StoreError) as caught:
            store.add_file(*fed.files()[0], NOW_MS)
    assert caught.value.code is Code.STORE_FULL
    assert read(store, fed.files()).version == 1


def test_a_full_disk_at_the_start_is_a_store_error(
    fed: Lab, store: TrustStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starting needs to write; it says so instead of starting half."""
    read(store, fed.files())

    def full(_source: object, _target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StoreError):
        fed.store(tmp_path / "reader").load(NOW_MS)


class _KilledError(BaseException):
    """Stands for kill -9: no handler of the code under test may catch it."""


def _killing(monkeypatch: pytest.MonkeyPatch, survive: int, *, after: bool) -> Callable[[], int]:
    real = os.replace
    count = 0

    def replace(source: object, target: object) -> None:
        nonlocal count
        count += 1
        if count > survive and not after:
            raise _KilledError
        real(source, target)  # type: ignore[arg-type]
        if count > survive:
            raise _KilledError

    monkeypatch.setattr(os, "replace", replace)
    return lambda: count


def _stops(fed: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> Iterator[tuple[Path, int]]:
    """Kill a reader at its first, second, ... file, each in a folder of its own, until it gets through."""
    old = fed.files()
    survive = 0
    suspend(fed)
    new = [file for file in fed.files() if file not in old]
    while True:
        folder = tmp_path / f"reader-{survive}"
        store = fed.store(folder)
        read(store, old)
        with monkeypatch.context() as patch:
            _killing(patch, survive, after=after)
            try:
                for path, content in new:
                    store.add_file(path, content, NOW_MS)
            except _KilledError:
                pass
            else:
                assert survive > len(new)
                return
        yield folder, survive
        survive += 1


@pytest.mark.parametrize("after", [False, True])
def test_a_reader_killed_at_any_file_loses_nothing(
    fed: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    """After a stop at any write a restart has the old or the new version, and the rest brings the new one."""
    for folder, survived in _stops(fed, tmp_path, monkeypatch, after=after):
        store = fed.store(folder)
        history = store.load(NOW_MS)
        assert history is not None, survived
        assert history.latest.version in {1, 2}
        assert len(history.latest.organisations) == MEMBERS
        assert read(store, fed.files()).organisations[SHELTER].status is OrgStatus.SUSPENDED
        assert store.history.at(1) is not None
        assert not [path for path in folder.rglob("*") if path.name.startswith((".part-", "tmp"))]


def test_a_publisher_killed_at_any_file_publishes_old_or_new(
    fed: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers of the folder in between see one whole version, and the publisher can finish."""
    survive, seen = 0, []
    while True:
        place = tmp_path / f"publisher-{survive}"
        place.mkdir()
        there = lab(place)
        with monkeypatch.context() as patch:
            _killing(patch, survive, after=False)
            try:
                suspend(there)
            except _KilledError:
                pass
            else:
                break
        seen.append(read(there.store(place / "reader"), there.files()).version)
        suspend(there)
        assert read(there.store(place / "reader"), there.files()).organisations[SHELTER].status is OrgStatus.SUSPENDED
        survive += 1
    assert survive >= 4
    assert seen == [1] * (survive - 1) + [2]  # the last file is the mark beside the folder


def test_two_processes_take_turns(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """A second reader of the same home sees what the first verified; while the first writes, it only reads."""
    read(store, fed.files())
    second = fed.store(tmp_path / "reader")
    with store._lock():
        history = second.load(NOW_MS)
    assert history == store.history
    suspend(fed)
    read(second, fed.files())
    assert store.load(NOW_MS) == second.history
