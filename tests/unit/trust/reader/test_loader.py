"""A reader's store.

Files one at a time, in any order, from anybody; only what TUF and the key rules accept is in force.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from refbus.core.directory import OrgStatus
from refbus.core.ids import OrgId
from refbus.errors import Code, MalformedError, RefbusError, SetupError, StoreError, UncheckableError, UntrustedError
from refbus.trust.layout import TIMESTAMP, publishing_order
from refbus.trust.publisher import changes
from refbus.trust.publisher.ceremony import Passphrases, create_development_federation
from refbus.trust.publisher.description import parse_description
from refbus.trust.publisher.repository import Publication
from refbus.trust.reader import loader
from refbus.trust.reader.loader import TrustStore
from support.ceremonies import AGENCY, SHELTER, Lab, lab, later, read
from support.directories import NOW_MS

MEMBERS = 21


@pytest.fixture
def fed(tmp_path: Path) -> Lab:
    """Make a federation of four countries."""
    return lab(tmp_path)


@pytest.fixture
def store(fed: Lab, tmp_path: Path) -> TrustStore:
    """Make an empty reader's store."""
    return fed.store(tmp_path / "reader")


def suspend(fed: Lab, org_id: OrgId = SHELTER, now_ms: int = NOW_MS) -> None:
    """Publish a new version in which a member is suspended."""
    publication = fed.publication(now_ms)
    changes.set_status(publication, org_id, OrgStatus.SUSPENDED)
    fed.publish(publication)


def refused(store: TrustStore, files: list[tuple[str, bytes]], code: Code, now_ms: int = NOW_MS) -> None:
    """Require that these files are refused with `code`, and what was in force stays."""
    before = store.history.latest
    with pytest.raises(RefbusError) as caught:
        store.refresh_from(files, now_ms)
    assert caught.value.code is code
    assert store.history.latest == before


def test_a_publication_arrives_file_by_file(fed: Lab, store: TrustStore) -> None:
    """Nothing is in force until the timestamp is there; then everything is."""
    assert store.load(NOW_MS) is None
    with pytest.raises(UncheckableError):
        _ = store.history
    *rest, (last, timestamp) = fed.files()
    assert last == TIMESTAMP
    assert all(store.add_file(path, content, NOW_MS) is None for path, content in rest)
    directory = store.add_file(last, timestamp, NOW_MS)
    assert directory is not None
    assert (directory.version, len(directory.organisations), directory.countries()) == (
        1,
        MEMBERS,
        ("kg", "kz", "tm", "uz"),
    )
    assert directory.published_at_ms == NOW_MS
    assert directory.expires_at_ms == later(7)
    assert store.problems == ()


def test_the_same_publication_again_is_nothing_new(fed: Lab, store: TrustStore) -> None:
    """Topics repeat; a repeat changes nothing and is no error."""
    read(store, fed.files())
    assert [store.add_file(path, content, NOW_MS) for path, content in fed.files()] == [None] * len(fed.files())


def test_files_in_the_wrong_order_are_waited_for(fed: Lab, store: TrustStore) -> None:
    """The timestamp came first: its error says so, and the last missing file puts the version in force."""
    timestamp, *rest = reversed(fed.files())
    with pytest.raises(UncheckableError) as caught:
        store.add_file(*timestamp, NOW_MS)
    assert caught.value.code is Code.DIRECTORY_INCOMPLETE
    found = [store.add_file(path, content, NOW_MS) for path, content in rest]
    assert found[:-2] == [None] * (len(rest) - 2)
    assert store.history.latest.version == 1
    assert store.last_error is None


@pytest.mark.parametrize("missing", ["snapshot", "uz", "targets/uz/", "targets/enrolment/"])
def test_an_incomplete_publication_leaves_the_old_one_in_force(fed: Lab, store: TrustStore, missing: str) -> None:
    """One file short, of whatever kind, is not an update; with the file it is."""
    read(store, fed.files())
    old = dict(fed.files())
    publication = fed.publication()
    changes.revoke(publication, SHELTER, fed.pair(SHELTER).kid, NOW_MS, by_anchors=True)
    changes.set_status(publication, SHELTER, OrgStatus.SUSPENDED)
    fed.publish(publication)
    new = [(path, content) for path, content in fed.files() if path not in old or old[path] != content]
    left_out = next(path for path, _ in new if missing in path)
    refused(store, [file for file in new if file[0] != left_out], Code.DIRECTORY_INCOMPLETE)
    assert store.add_file(left_out, dict(new)[left_out], NOW_MS) is not None
    assert store.history.latest.version == 2


def test_suspension_takes_effect_on_load(fed: Lab, store: TrustStore) -> None:
    """The new version is in force at once; the old one can be looked up, marked as superseded."""
    read(store, fed.files())
    suspend(fed, now_ms=later(1))
    directory = read(store, fed.files(), later(1))
    assert directory.organisations[SHELTER].status is OrgStatus.SUSPENDED
    old = store.history.at(1)
    assert old is not None
    assert old.organisations[SHELTER].status is OrgStatus.ACTIVE
    assert old.superseded_at_ms == later(1)
    assert store.history.at(2) == directory
    assert store.history.at(3) is None


def test_a_restart_finds_every_version_again(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """All that is known is on disk: versions, when they were superseded, what was left out."""
    read(store, fed.files())
    suspend(fed, now_ms=later(1))
    read(store, fed.files(), later(1))
    again = fed.store(tmp_path / "reader")
    assert again.load(later(1)) == store.history
    assert again.last_error is None


def test_a_fresh_timestamp_extends_the_version_in_force(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """Daily republication: same version, later expiry, and it survives a restart."""
    read(store, fed.files())
    fed.republish(later(1))
    directory = read(store, fed.files(), later(1))
    assert (directory.version, directory.published_at_ms, directory.expires_at_ms) == (1, later(1), later(8))
    again = fed.store(tmp_path / "reader").load(later(1))
    assert again is not None
    assert again.latest == directory
    assert again.latest.superseded_at_ms is None


def test_old_versions_go_after_one_message_life(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """A superseded version is kept for message life and grace (720 + 72 hours), then dropped from memory and disk."""
    read(store, fed.files())
    suspend(fed, now_ms=later(1))
    read(store, fed.files(), later(1))
    fed.republish(later(33))
    read(store, fed.files(), later(33.9))
    assert store.history.at(1) is not None
    fed.republish(later(34))
    read(store, fed.files(), later(34))
    assert store.history.at(1) is None
    assert store.history.latest.version == 3
    assert sorted(path.name for path in (tmp_path / "reader" / "versions").iterdir()) == ["2.json", "3.json"]


# attacks


def test_rollback_is_refused(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """An older, validly signed publication comes again.

    Refused, also after a restart, also when the updater's state is lost.
    """
    old = fed.files()
    read(store, old)
    suspend(fed)
    read(store, fed.files())
    refused(store, old, Code.DIRECTORY_INVALID)
    again = fed.store(tmp_path / "reader")
    again.load(NOW_MS)
    refused(again, old, Code.DIRECTORY_INVALID)
    for path in (tmp_path / "reader" / "tuf").glob("*.json"):
        path.unlink()
    refused(again, old, Code.DIRECTORY_INVALID)


def test_freeze_ends_by_expiry(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """Somebody who holds updates back cannot keep an old view in use: it expires, and says so."""
    read(store, fed.files())
    assert store.history.require_fresh(later(7) - 1).version == 1
    with pytest.raises(UncheckableError) as caught:
        store.history.require_fresh(later(7))
    assert caught.value.code is Code.DIRECTORY_EXPIRED
    refused(store, fed.files(), Code.DIRECTORY_EXPIRED, later(8))
    again = fed.store(tmp_path / "reader")
    history = again.load(later(8))
    assert history == store.history
    assert again.last_error is not None
    assert again.last_error.code is Code.DIRECTORY_EXPIRED


def test_the_caller_s_clock_counts(fed: Lab, store: TrustStore) -> None:
    """Expiry is judged at the time passed in: an expired publication is refused, whatever the machine's clock says."""
    with pytest.raises(UncheckableError) as caught:
        store.refresh_from(fed.files(), later(7))
    assert caught.value.code is Code.DIRECTORY_EXPIRED
    assert read(store, fed.files(), later(7) - 1_000).version == 1


def test_a_mix_of_two_versions_is_refused(fed: Lab, store: TrustStore) -> None:
    """An old snapshot under the new one's name: the hash in the timestamp says no."""
    read(store, fed.files())
    suspend(fed)
    new = dict(fed.files())
    refused(
        store,
        list({**new, "metadata/2.snapshot.json": new["metadata/1.snapshot.json"]}.items()),
        Code.DIRECTORY_INVALID,
    )


@pytest.mark.parametrize("edit", [lambda new, old: old, lambda new, old: new + b" ", lambda new, old: b""])
def test_a_country_s_part_that_the_snapshot_does_not_name_is_waited_for(
    fed: Lab, store: TrustStore, edit: Callable[[bytes, bytes], bytes]
) -> None:
    """Another file under its name, older or garbled, takes nobody out: the right one is still to come."""
    read(store, fed.files())
    suspend(fed)
    new = dict(fed.files())
    right = new["metadata/2.uz.json"]
    refused(
        store,
        list({**new, "metadata/2.uz.json": edit(right, new["metadata/1.uz.json"])}.items()),
        Code.DIRECTORY_INCOMPLETE,
    )
    assert store.add_file("metadata/2.uz.json", right, NOW_MS) is not None
    assert store.history.latest.organisations[SHELTER].status is OrgStatus.SUSPENDED


def test_a_country_s_part_without_its_signature_leaves_that_country_out(
    fed: Lab, store: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The online keys published what the delegation never signed: that country is out, the others go on."""
    publication = fed.publication()
    changes.set_status(publication, SHELTER, OrgStatus.REMOVED)
    monkeypatch.setattr(Publication, "missing", lambda _self: {})
    monkeypatch.setattr(Publication, "_check", lambda _self, _files: ())
    monkeypatch.setattr(Publication, "sign", lambda _self, _signer: ())
    fed.publish(publication)
    directory = read(store, fed.files())
    assert SHELTER not in directory.organisations
    assert AGENCY in directory.organisations
    assert [(item.path, item.code) for item in store.problems] == [("uz", Code.DIRECTORY_INVALID)]


@pytest.mark.parametrize("name", [TIMESTAMP, "metadata/1.snapshot.json", "metadata/1.targets.json"])
def test_edited_metadata_is_refused(fed: Lab, store: TrustStore, name: str) -> None:
    """A later expiry written in by hand has no signature."""
    edited = [
        (path, content.replace(b'"expires":"20', b'"expires":"21') if path == name else content)
        for path, content in fed.files()
    ]
    assert edited != fed.files()
    with pytest.raises(UntrustedError) as caught:
        store.refresh_from(edited, NOW_MS)
    assert caught.value.code is Code.DIRECTORY_INVALID


def test_two_anchors_of_four_are_not_enough(fed: Lab, store: TrustStore) -> None:
    """The targets role with two good signatures is refused; the threshold is three."""
    files = dict(fed.files())
    targets = json.loads(files["metadata/1.targets.json"])
    targets["signatures"] = targets["signatures"][:2]
    with pytest.raises(UntrustedError):
        store.refresh_from(
            [
                (path, json.dumps(targets).encode() if "1.targets" in path else content)
                for path, content in files.items()
            ],
            NOW_MS,
        )


def test_another_federation_is_not_believed(fed: Lab, tmp_path: Path) -> None:
    """A publication under another root, however well signed, is nothing to a store with this root pinned."""
    other = _another(tmp_path)
    with pytest.raises(UntrustedError):
        fed.store(tmp_path / "reader").refresh_from(other.files(), NOW_MS)
    with pytest.raises(SetupError) as caught:
        TrustStore.create(tmp_path / "reader", other.paths.root.read_bytes())
    assert caught.value.code is Code.DIRECTORY_INVALID


def _another(tmp_path: Path) -> Lab:
    description = parse_description('[[country]]\ncode = "kz"\n', tmp_path)
    return Lab(create_development_federation(tmp_path / "another", description, Passphrases.same("x"), NOW_MS))


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
    monkeypatch.setattr(loader, "MAX_INCOMING_FILES", used + 3)
    for number in range(2, 12):
        store.add_file(f"metadata/{number}.zz.json", b"junk", NOW_MS)
        assert len(list((tmp_path / "reader" / "incoming").rglob("*.json"))) <= used + 3
    fed.republish(later(1))
    assert read(store, fed.files(), later(1)).published_at_ms == later(1)
    monkeypatch.setattr(loader, "MAX_INCOMING_FILES", 1)
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
    monkeypatch.setattr(loader, "MAX_INCOMING_FILES", len(known) + 10)
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


# stops


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


def test_publishing_order_puts_what_is_named_first(fed: Lab) -> None:
    """Targets, roots, countries, targets role, snapshot, timestamp."""
    paths = [path for path, _ in fed.files()]
    assert paths == publishing_order(reversed(paths))
    kinds = [path.split("/")[0] if path.startswith("targets/") else path.split(".")[-2] for path in paths]
    assert list(dict.fromkeys(kinds)) == ["targets", "root", "kg", "kz", "tm", "uz", "snapshot", "metadata/timestamp"]
    assert paths.index("metadata/1.targets.json") == len(paths) - 3
