"""A publisher that came from a backup never publishes a lower version: it takes what members have seen, or stops."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from refbus.core.directory import OrgStatus
from refbus.errors import Code, RefbusError
from refbus.files import write_whole
from refbus.trust.layout import TIMESTAMP
from refbus.trust.publisher import changes, recovery
from refbus.trust.publisher.export import write_archive
from refbus.trust.publisher.published import mark_of
from refbus.trust.publisher.repository import Repository
from refbus.trust.reader.loader import TrustStore
from support.ceremonies import SHELTER, Lab, later, read
from support.directories import NOW_MS


def suspend(fed: Lab, days: float = 0) -> None:
    """Publish a version with another status of an organisation."""
    publication = fed.publication(later(days))
    changes.set_status(publication, SHELTER, OrgStatus.SUSPENDED)
    fed.publish(publication)


def versions(fed: Lab) -> tuple[int, int]:
    """Return what is published."""
    repository = Repository(fed.paths.repository)
    return repository.snapshot().version, repository.timestamp().version


def bring(fed: Lab, backup: Path) -> None:
    """Put a copy of the repository in the place of it by hand."""
    shutil.rmtree(fed.paths.repository)
    shutil.copytree(backup, fed.paths.repository)


@pytest.fixture
def old(fed: Lab, tmp_path: Path) -> tuple[Path, TrustStore]:
    """Return a backup, and the directory of a member who has seen what was published after it."""
    backup = shutil.copytree(fed.paths.repository, tmp_path / "backup")
    suspend(fed)
    fed.republish(later(1))
    member = fed.store(tmp_path / "member" / "directory")
    assert read(member, fed.files(), later(1)).version == 2
    return backup, member


def refused(fed: Lab) -> Code:
    """Return the code with which nothing is published, and require that nothing was."""
    before = versions(fed) if (fed.paths.repository / TIMESTAMP).is_file() else None
    with pytest.raises(RefbusError) as caught:
        fed.republish(later(2))
    assert before is None or versions(fed) == before
    return caught.value.code


@pytest.mark.parametrize("place", ["older", "emptied", "without timestamp"])
def test_an_older_or_emptied_repository_publishes_nothing(
    fed: Lab, old: tuple[Path, TrustStore], tmp_path: Path, place: str
) -> None:
    """DIRECTORY_BEHIND; what members have seen brings it back, and the next version is one that they take."""
    backup, member = old
    bring(fed, backup)
    if place == "emptied":
        shutil.rmtree(fed.paths.repository)
        fed.paths.repository.mkdir()
    if place == "without timestamp":
        (fed.paths.repository / TIMESTAMP).unlink()
    assert refused(fed) is Code.DIRECTORY_BEHIND or place == "emptied"
    recovery.restore(fed.paths, [tmp_path / "member" / "directory"], later(2))
    assert versions(fed) == (2, 3)
    fed.republish(later(2))
    member.refresh_from(fed.files(), later(2))
    assert versions(fed) == (2, 4)
    assert member.last_error is None


def test_a_mark_that_came_from_the_backup_too_is_found_out_by_members(
    fed: Lab, old: tuple[Path, TrustStore], tmp_path: Path
) -> None:
    """DIRECTORY_BEHIND by what a gate has seen, before anything is signed."""
    bring(fed, old[0])
    mark_of(fed.paths.repository).unlink()
    with pytest.raises(RefbusError) as caught:
        recovery.require_newest(fed.paths, [tmp_path / "member" / "directory"], later(2))
    assert caught.value.code is Code.DIRECTORY_BEHIND
    recovery.restore(fed.paths, [tmp_path / "member" / "directory"], later(2))
    recovery.require_newest(fed.paths, [tmp_path / "member" / "directory"], later(2))


def test_nothing_here_is_replaced_by_something_older(fed: Lab, old: tuple[Path, TrustStore], tmp_path: Path) -> None:
    """Backups and exports that are older give nothing; ended ones neither."""
    before = fed.files()
    write_archive(
        [(path, (old[0] / path).read_bytes()) for path, _ in before if (old[0] / path).exists()], tmp_path / "e.tar"
    )
    for place in (old[0], tmp_path / "e.tar"):
        found = recovery.restore(fed.paths, [place], later(40))
        assert found.number == (2, 3)
    assert fed.files() == before


def test_two_histories_under_one_version_are_named(fed: Lab, old: tuple[Path, TrustStore], tmp_path: Path) -> None:
    """DIRECTORY_FORKED: somebody published from the old copy; nothing is written."""
    bring(fed, old[0])
    mark_of(fed.paths.repository).unlink()
    publication = fed.publication(later(3))
    changes.set_status(publication, SHELTER, OrgStatus.REMOVED)
    fed.publish(publication)
    before = fed.files()
    with pytest.raises(RefbusError) as caught:
        recovery.restore(fed.paths, [tmp_path / "member" / "directory"], later(3))
    assert caught.value.code is Code.DIRECTORY_FORKED
    assert fed.files() == before


def test_what_nobody_signed_brings_nothing(fed: Lab, old: tuple[Path, TrustStore], tmp_path: Path) -> None:
    """A publication with a changed byte is refused before anything is written."""
    bring(fed, old[0])
    before = fed.files()
    place = tmp_path / "member" / "directory" / "incoming" / "metadata" / "2.snapshot.json"
    place.write_bytes(place.read_bytes().replace(b'"version":2', b'"version":3'))
    with pytest.raises(RefbusError):
        recovery.restore(fed.paths, [tmp_path / "member" / "directory"], later(2))
    assert fed.files() == before


@pytest.mark.parametrize("turn", [1, 2, 3, 4])
def test_a_stop_at_any_file_and_once_more(
    fed: Lab, old: tuple[Path, TrustStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn: int
) -> None:
    """Readers have what was there or what members have seen; given again it ends as if nothing had happened."""
    bring(fed, old[0])
    turns = [turn]

    def die(path: Path, content: bytes, *, flush: bool = True) -> None:
        """Die before a file of the repository is written."""
        if path.is_relative_to(fed.paths.repository):
            turns[0] -= 1
            if not turns[0]:
                raise KeyboardInterrupt
        write_whole(path, content, flush=flush)

    with monkeypatch.context() as patched:
        patched.setattr(recovery, "write_whole", die)
        with pytest.raises(KeyboardInterrupt):
            recovery.restore(fed.paths, [tmp_path / "member" / "directory"], later(2))
    assert versions(fed) == (1, 1)
    recovery.restore(fed.paths, [tmp_path / "member" / "directory"], later(2))
    assert versions(fed) == (2, 3)


def test_a_damaged_mark_stops_nobody(fed: Lab) -> None:
    """It is written anew at the next publication."""
    suspend(fed)
    mark = mark_of(fed.paths.repository)
    mark.write_bytes(b"no number")
    fed.republish(NOW_MS + 1)
    assert mark.read_bytes() == b"2 3\n"
