from __future__ import annotations

from pathlib import Path

import pytest

from tools import pythons


def test_supported_versions_begin_with_the_required_one() -> None:
    """The versions that are tried are those that the package claims, from the oldest that it requires."""
    assert pythons.supported()[0] == "3.11"
    assert len(pythons.supported()) == len(set(pythons.supported()))
    assert pythons.following() not in pythons.supported()


def _put(folder: Path, name: str, says: str) -> None:
    """Put a program there that answers as an interpreter of the version `says`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho {says}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def test_an_interpreter_is_believed_by_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that leads to another version is passed over, and one of pyenv is found behind it."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    _put(tmp_path / "bin", "python3.12", "3.11")
    assert pythons.find("3.12") is None
    _put(tmp_path / "pyenv/versions/3.12.1/bin", "python3.12", "3.12")
    assert pythons.find("3.12") == tmp_path / "pyenv/versions/3.12.1/bin/python3.12"


def test_what_was_not_found_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine without any supported version is no success, and each missing version is named."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert pythons.main([]) == 1
    said = capsys.readouterr().out
    assert all(version in said for version in (*pythons.supported(), pythons.following()))
    assert "not found" in said
