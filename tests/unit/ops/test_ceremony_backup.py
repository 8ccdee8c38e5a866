"""A backup of the federation's folder: kept only when the directory could be restored from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from refbus.errors import Code, RefbusError
from refbus.trust.publisher.repository import Repository
from refbus_ops import ceremonybackup, cli, recovery
from support.ceremonies import KZ, Lab, lab
from support.directories import NOW_MS


@pytest.fixture
def fed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Return a federation."""
    for module in (ceremonybackup, recovery):
        monkeypatch.setattr(module, "machine_ms", lambda: NOW_MS)
    return lab(tmp_path)


def run(fed: Lab, *words: str | Path) -> Result:
    """Give one command of the ceremony."""
    return CliRunner().invoke(cli.root, ["directory", "--federation", str(fed.paths.out), *map(str, words)])


def test_a_lost_folder_comes_back_from_its_backup(fed: Lab, tmp_path: Path) -> None:
    """What was published is there again, by the word of a member; keys are in a backup only when asked for."""
    version = Repository(fed.paths.repository).numbers()
    assert "version 1 was restored" in run(fed, "backup", tmp_path / "copy").output
    assert run(fed, "backup", tmp_path / "with-keys", "--keys").exit_code == 0
    assert [bool(list((tmp_path / name).rglob("*.key"))) for name in ("copy", "with-keys")] == [False, True]
    gate = fed.home(next(org for org in fed.paths.homes() if org == f"{KZ}-gate"))
    gate.trust_store().refresh_from(fed.files(), NOW_MS)
    shutil.rmtree(fed.paths.repository)
    seen = ("--seen", gate.folder / "directory", "--from", tmp_path / "copy" / "repository")
    assert run(fed, "restore", *seen).exit_code == 0
    assert Repository(fed.paths.repository).numbers() == version


def test_a_damaged_repository_makes_no_backup(fed: Lab, tmp_path: Path) -> None:
    """Nothing has the name of a backup afterwards, and a folder that is there is left alone."""
    (fed.paths.repository / "metadata" / "1.snapshot.json").write_bytes(b"{}")
    assert isinstance(run(fed, "backup", tmp_path / "copy").exception, RefbusError)
    assert not [path for path in tmp_path.iterdir() if "copy" in path.name]
    (tmp_path / "there").mkdir()
    caught = run(fed, "backup", tmp_path / "there").exception
    assert isinstance(caught, RefbusError)
    assert caught.code is Code.USAGE
