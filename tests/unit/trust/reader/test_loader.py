"""A reader's store.

Files one at a time, in any order, from anybody; only what TUF and the key rules accept is in force.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.core.directory import OrgStatus
from refbus.errors import Code, UncheckableError
from refbus.trust.layout import TIMESTAMP, publishing_order
from refbus.trust.publisher import changes
from refbus.trust.reader import versions
from refbus.trust.reader.loader import TrustStore
from support.ceremonies import SHELTER, Lab, later, read
from support.directories import NOW_MS
from support.readers import MEMBERS, refused, suspend


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
    kept = tmp_path / "reader" / "versions"
    assert sorted(path.name for path in kept.glob("*.json")) == ["2.json", "3.json"]
    assert sorted(path.name for path in kept.iterdir()) == ["2.json", "3.json", "contents"]


def test_publishing_order_puts_what_is_named_first(fed: Lab) -> None:
    """Targets, roots, countries, targets role, snapshot, timestamp."""
    paths = [path for path, _ in fed.files()]
    assert paths == publishing_order(reversed(paths))
    kinds = [path.split("/")[0] if path.startswith("targets/") else path.split(".")[-2] for path in paths]
    assert list(dict.fromkeys(kinds)) == ["targets", "root", "kg", "kz", "tm", "uz", "snapshot", "metadata/timestamp"]
    assert paths.index("metadata/1.targets.json") == len(paths) - 3


def test_another_reader_of_the_home_takes_over_what_was_verified_here(fed: Lab, store: TrustStore) -> None:
    """It never goes back to an older version, and never removes a newer one that it has not read yet."""
    other = fed.store(store._root_file.parent)
    read(store, fed.files())
    other.catch_up(lambda: NOW_MS)
    assert other.newest() == store.newest()
    suspend(fed)
    newer = read(store, fed.files())
    assert other.history.latest.version < newer.version
    other._use(versions.load_all(other._versions)[0], other.history, NOW_MS)  # as when it is read in this moment
    other.catch_up(lambda: NOW_MS)
    assert other.history.versions == store.history.versions
    before = other.history
    other.catch_up(lambda: NOW_MS)
    assert other.history is before
    (other._versions / f"{newer.version}.json").unlink()
    other.catch_up(lambda: NOW_MS)
    assert other.history.latest.version == newer.version
