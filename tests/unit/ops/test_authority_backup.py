"""The authority for TLS certificates comes back from a backup, and nobody who was shut out is let in again by it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from refbus.errors import Code, RefbusError
from refbus.files import write_whole
from refbus_ops.authority import read_register

Run = Callable[..., str]


@pytest.fixture
def run(run: Run, tmp_path: Path) -> Run:
    """Return a way to give one command of an authority that has issued a certificate to the gate."""
    issue(run, tmp_path, "kz-gate")
    return run


def issue(run: Run, folder: Path, name: str) -> None:
    """Let a holder ask and the authority sign."""
    run("request", name, "--folder", folder / name)
    run("issue", name, folder / name / "request.pem", "--out", folder / name)


def refused(run: Run, *words: str | Path) -> Code:
    """Return with what a command is refused."""
    with pytest.raises(RefbusError) as caught:
        run(*words)
    return caught.value.code


def test_a_lost_authority_comes_back_with_what_others_know(run: Run, tmp_path: Path) -> None:
    """What was withdrawn since stays withdrawn, what was issued since is known by its file and can be withdrawn."""
    assert "a restore of them has succeeded" in run("backup", tmp_path / "copy")
    for name in ("kz-auditor1", "uz-gate", "tm-gate"):
        issue(run, tmp_path, name)
    for name in ("kz-gate", "uz-gate"):
        run("revoke", name, "--reason", "stolen")
    at_broker = shutil.copy(tmp_path / "CA" / "withdrawn-1.pem", tmp_path / "at-broker.pem")
    lost = read_register(tmp_path / "CA")
    shutil.rmtree(tmp_path / "CA")
    seen = ("--seen", at_broker, "--seen", tmp_path / "tm-gate" / "certificate.pem")
    assert "3 certificates are known, 2 withdrawn" in run("restore", tmp_path / "copy", *seen)
    known = read_register(tmp_path / "CA")
    assert {each.serial for each in known.issued if each.revoked_ms} == {
        each.serial for each in lost.issued if each.revoked_ms
    }
    assert {each.name for each in known.issued} == {"kz-gate", "unknown", "tm-gate"}
    run("revoke", "tm-gate", "--reason", "closed")
    issue(run, tmp_path, "kz-operator")


def test_without_the_list_of_a_broker_nothing_is_restored(run: Run, tmp_path: Path) -> None:
    """Whoever was withdrawn since the copy would be let in again."""
    run("backup", tmp_path / "copy")
    shutil.rmtree(tmp_path / "CA")
    assert refused(run, "restore", tmp_path / "copy") is Code.USAGE
    assert not (tmp_path / "CA").exists()


def test_a_register_that_knows_more_stays(run: Run, tmp_path: Path) -> None:
    """A restore makes no authority older; a damaged register is replaced."""
    run("backup", tmp_path / "copy")
    at_broker = shutil.copy(tmp_path / "CA" / "withdrawn-1.pem", tmp_path / "at-broker.pem")
    issue(run, tmp_path, "uz-gate")
    assert refused(run, "restore", tmp_path / "copy", "--seen", at_broker) is Code.BACKUP_OLDER
    assert len(read_register(tmp_path / "CA").issued) == 2
    write_whole(tmp_path / "CA" / "register.json", b"{")
    run("restore", tmp_path / "copy", "--seen", at_broker)
    assert len(read_register(tmp_path / "CA").issued) == 1


def test_a_backup_that_cannot_be_restored_gets_no_name(run: Run, tmp_path: Path) -> None:
    """A key of something else, a wrong list and a file that is none are found."""
    run("backup", tmp_path / "copy")
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "CA", other)
    shutil.rmtree(tmp_path / "CA")
    run("create", "--country", "kz")
    shutil.copy(tmp_path / "CA" / "authority-1.key", other / "authority-1.key")
    strange = shutil.copy(tmp_path / "CA" / "withdrawn-1.pem", tmp_path / "strange.pem")
    shutil.rmtree(tmp_path / "CA")
    shutil.copytree(other, tmp_path / "CA")
    assert refused(run, "backup", tmp_path / "second") is Code.BACKUP_INVALID
    assert not [path for path in tmp_path.iterdir() if "second" in path.name]
    shutil.rmtree(tmp_path / "CA")
    assert refused(run, "restore", tmp_path / "copy", "--seen", strange) is Code.USAGE
    assert refused(run, "restore", tmp_path / "copy", "--seen", tmp_path / "P") is Code.FILE_UNREADABLE
