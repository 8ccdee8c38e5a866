"""The directory as a folder or one file, for places without a network."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from refbus.errors import Code, MalformedError, RefbusError, SetupError
from refbus.trust.publisher.export import MAX_BYTES, read_publication, write_archive, write_folder
from support.ceremonies import lab
from support.directories import NOW_MS


def test_an_archive_and_a_folder_load_as_a_topic_does(tmp_path: Path) -> None:
    """Same files, same order, same directory; the same files give the same archive."""
    fed = lab(tmp_path)
    archive, again, folder = tmp_path / "directory.tar", tmp_path / "again.tar", tmp_path / "folder"
    write_archive(fed.files(), archive)
    write_archive(fed.files(), again)
    write_folder(fed.files(), folder)
    assert archive.read_bytes() == again.read_bytes()
    for number, source in enumerate((archive, folder)):
        assert read_publication(source) == fed.files()
        store = fed.store(tmp_path / f"reader-{number}")
        store.refresh_from(read_publication(source), NOW_MS)
        assert store.history.latest.version == 1


def _tar(*entries: tarfile.TarInfo, content: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _entry(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.size = size
    entry.linkname = "/etc/passwd" if kind in {tarfile.SYMTYPE, tarfile.LNKTYPE} else ""
    return entry


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        _tar(_entry("../root.json")),
        _tar(_entry("/metadata/timestamp.json")),
        _tar(_entry("metadata/timestamp.json", tarfile.SYMTYPE)),
        _tar(_entry("metadata/timestamp.json", tarfile.LNKTYPE)),
        _tar(_entry("metadata", tarfile.DIRTYPE)),
        _tar(_entry("metadata/timestamp.json", size=20_000), content=b" " * 20_000),
        _tar(_entry("metadata/timestamp.json", size=600), content=b" " * 600)[:700],
    ],
)
def test_a_strange_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """No traversal, links, folders, oversize or half entries; nothing is written anywhere."""
    path = tmp_path / "strange.tar"
    path.write_bytes(content)
    with pytest.raises(MalformedError):
        read_publication(path)
    assert [found.name for found in tmp_path.iterdir()] == ["strange.tar"]


def test_a_huge_archive_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """By its size on disk."""
    with (tmp_path / "huge.tar").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(MalformedError) as caught:
        read_publication(tmp_path / "huge.tar")
    assert caught.value.code is Code.TOO_LARGE


def test_an_unreadable_folder_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails while the folder is read."""
    fed = lab(tmp_path)

    def fails(_path: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fails)
    with pytest.raises(SetupError) as caught:
        read_publication(fed.paths.repository)
    assert caught.value.code is Code.FILE_UNREADABLE


def test_a_missing_archive_says_so(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(RefbusError) as caught:
        read_publication(tmp_path / "none.tar")
    assert caught.value.code is Code.FILE_UNREADABLE
