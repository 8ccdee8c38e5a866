"""`refbus people` as a person types it: who is asked for what, and what is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.errors import Code
from support.ceremonies import AGENCY
from support.commands import Commands, file
from support.gateways import Pair, case_file


@pytest.fixture
def refbus(own: Pair, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Give the command, in a home with the administrator Fictional Chief."""
    commands = Commands(own.world, capsys)
    commands.run(AGENCY, "people", "begin", "Chief", "--new-passphrase-file", str(commands.passphrase))
    return commands


def test_who_signs_in_is_said_or_refused(refbus: Commands, tmp_path: Path) -> None:
    """--as before or after the command, or REFBUS_AS; without it only a service gets in; roles bind."""
    words = file(tmp_path, "words", "of the worker\n")
    Path(words).chmod(0o600)
    refbus.run(AGENCY, "people", "add", "worker", "--new-passphrase-file", words, "--as", "chief")
    refbus.run(
        AGENCY,
        "case",
        "add",
        file(tmp_path, "case.json", case_file()),
        REFBUS_AS="worker",
        REFBUS_PASSPHRASE_FILE=words,
    )
    refused = refbus.run(AGENCY, "people", "log", ok=False, REFBUS_AS="worker", REFBUS_PASSPHRASE_FILE=words)
    assert Code.NOT_PERMITTED in refused.err
    assert Code.USAGE in refbus.run(AGENCY, "status", ok=False).err
    assert "cases.add" in refbus.run(AGENCY, "--as", "chief", "people", "log").out
    refbus.run(AGENCY, "people", "service", "--new-passphrase-file", words, "--as", "CHIEF")
    refbus.run(AGENCY, "sync", REFBUS_PASSPHRASE_FILE=words)
    refused = refbus.run(AGENCY, "case", "list", ok=False, REFBUS_PASSPHRASE_FILE=words)
    assert Code.NOT_PERMITTED in refused.err


def test_failed_attempts_are_told_to_who_signs_in_next(refbus: Commands, tmp_path: Path) -> None:
    """On standard error, once."""
    wrong = file(tmp_path, "wrong", "no\n")
    Path(wrong).chmod(0o600)
    refused = refbus.run(AGENCY, "--as", "chief", "people", "list", ok=False, REFBUS_PASSPHRASE_FILE=wrong)
    assert Code.KEYFILE_WRONG_PASSPHRASE in refused.err
    assert "1 attempt to sign in" in refbus.run(AGENCY, "--as", "chief", "people", "list").err
    assert "attempt" not in refbus.run(AGENCY, "--as", "chief", "people", "list").err
