"""Files of strangers fill no disk and keep no version out."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest

from refbus.errors import Code, MalformedError, UncheckableError, UntrustedError
from refbus.trust.layout import TIMESTAMP
from refbus.trust.reader import arrivals
from refbus.trust.reader.loader import TrustStore
from support.ceremonies import Lab, later, read
from support.directories import NOW_MS
from support.readers import suspend


@pytest.mark.parametrize(
    "path",
    [
        "../root.json",
        "metadata/../root.json",
        "/etc/passwd",
        "metadata/1.root.json/../../x",
        "targets/kz/../../x",
        "targets/kz/" + "0" * 64 + ".policy.json/..",
        "metadata/0.root.json",
        "metadata/01.root.json",
        "metadata/1.mirror.json",
        "metadata/1.root.json\n",
        "metadata\\1.root.json",
        "targets/KZ/" + "0" * 64 + ".policy.json",
        "targets/" + "0" * 64 + ".policy.json",
        "metadata/١.root.json",
        "x" * 1_000,
        "",
    ],
)
def test_only_paths_of_the_directory_are_taken(store: TrustStore, tmp_path: Path, path: str) -> None:
    """No traversal, no other folder, no other alphabet: refused before any file is touched."""
    with pytest.raises(MalformedError) as caught:
        store.add_file(path, b"{}", NOW_MS)
    assert caught.value.code is Code.MALFORMED
    assert [found.name for found in (tmp_path / "reader").rglob("*")] == ["root.json"]


def test_a_target_is_what_its_name_says(store: TrustStore) -> None:
    """Content with another hash is refused on arrival."""
    with pytest.raises(MalformedError):
        store.add_file("targets/kz/" + "0" * 64 + ".policy.json", b"{}", NOW_MS)


@pytest.mark.parametrize("path", [TIMESTAMP, "metadata/1.root.json", "targets/kz/" + "0" * 64 + ".policy.json"])
def test_oversize_files_are_refused(store: TrustStore, path: str) -> None:
    """Each kind of file has its cap."""
    with pytest.raises(MalformedError) as caught:
        store.add_file(path, b" " * 600_000, NOW_MS)
    assert caught.value.code is Code.TOO_LARGE


def test_a_flood_of_files_does_not_fill_the_disk(
    fed: Lab, store: TrustStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the cap, files of no verified version are dropped; those in use stay, and updates still work."""
    read(store, fed.files())
    used = len(fed.files())
    monkeypatch.setattr(arrivals, "MAX_INCOMING_FILES", used + 3)
    for number in range(2, 12):
        store.add_file(f"metadata/{number}.zz.json", b"junk", NOW_MS)
        assert len(list((tmp_path / "reader" / "incoming").rglob("*.json"))) <= used + 3
    fed.republish(later(1))
    assert read(store, fed.files(), later(1)).published_at_ms == later(1)
    monkeypatch.setattr(arrivals, "MAX_INCOMING_FILES", 1)
    with pytest.raises(MalformedError) as caught:
        store.add_file("metadata/99.zz.json", b"junk", NOW_MS)
    assert caught.value.code is Code.TOO_LARGE


@pytest.mark.parametrize("room", [0, 1, 3])
def test_nobodys_flood_keeps_a_version_out(
    fed: Lab, store: TrustStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """However full the store was made before: what is dropped is what came first, not what is arriving."""
    read(store, fed.files())
    known = dict(fed.files())
    monkeypatch.setattr(arrivals, "MAX_INCOMING_FILES", len(known) + 10)
    for number in range(10 - room):
        store.add_file(*stray(number), NOW_MS)
    suspend(fed)
    fresh = [(path, content) for path, content in fed.files() if known.get(path) != content]
    assert len(fresh) > room
    assert read(store, fresh).version == 2


def test_what_nothing_names_is_not_handed_on(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """Targets that anybody wrote cost the offices behind a gate nothing, after a start neither."""
    read(store, fed.files())
    before = store.files()
    store.add_file(*stray(1), NOW_MS)
    assert store.files() == before
    again = TrustStore(tmp_path / "reader")
    again.load(NOW_MS)
    assert again.files() == before


def stray(number: int) -> tuple[str, bytes]:
    """Return a target that no version names."""
    content = f"stray {number}".encode()
    return f"targets/kg/{hashlib.sha256(content).hexdigest()}.stray.json", content


@pytest.mark.parametrize(
    "name", ["2.root", "1.root", "9.root", "1.snapshot", "2.snapshot", "1.targets", "1.kz", "2.kz", "timestamp"]
)
@pytest.mark.parametrize("genuine", [False, True])
def test_nobodys_junk_keeps_the_next_version_out(
    fed: Lab, store: TrustStore, name: str, genuine: bool, tmp_path: Path
) -> None:
    """One false file under any name of the directory, from anybody who may write: it is not handed on and harms nobody.

    A root that does not follow is no root; nothing takes the place of what was verified.
    """
    read(store, fed.files())
    before = store.files()
    junk = dict(fed.files())["metadata/1.kg.json"] if genuine else b"junk"
    with suppress(UntrustedError):
        store.add_file(f"metadata/{name}.json", junk, NOW_MS)
    assert store.files() == before
    suspend(fed)
    assert read(store, fed.files()).version == 2
    assert read(fed.store(tmp_path / "newcomer"), store.files()).version == 2


def test_a_false_timestamp_does_not_end_the_wait_for_a_file(fed: Lab, store: TrustStore) -> None:
    """A version whose last file is still to come is taken when it comes, whatever somebody sent meanwhile."""
    read(store, fed.files())
    suspend(fed)
    files = dict(fed.files())
    late = next(path for path in files if path.startswith("targets/") and path not in dict(store.files()))
    with pytest.raises(UncheckableError):
        store.refresh_from([(path, files[path]) for path in files if path != late], NOW_MS)
    with pytest.raises(UntrustedError):
        store.add_file(TIMESTAMP, b"junk", NOW_MS)
    newest = store.add_file(late, files[late], NOW_MS)
    assert newest is not None
    assert newest.version == 2
