"""What the commands say of an office that goes on from a backup."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands
from support.gateways import Pair, sent


def test_commands_say_what_cannot_be_known(own: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`confirm-restored` names the time, the cases and whom to call; each case is confirmed by a command."""
    refbus = Commands(own.world, capsys)
    case, _ = sent(own.kz)
    own.exchange()
    own.kz.close()
    refbus.run(AGENCY, "backup", str(tmp_path / "backup"))
    shutil.move(own.world.home(AGENCY).path, tmp_path / "stolen")
    refbus.run(AGENCY, "restore", str(tmp_path / "backup"))
    assert "RESTORE_UNCONFIRMED" in refbus.run(AGENCY, "send", str(case), "--again", ok=False).err
    told = refbus.json(AGENCY, "home", "confirm-restored")
    assert (told["cases"], told["call"]) == ([case], [SHELTER])
    failed = refbus.run(AGENCY, "send", str(case), "--again", ok=False)
    assert "CONSENT_UNCONFIRMED_AFTER_RESTORE" in failed.err
    assert f"refbus consent confirm {case}" in failed.err
    refbus.run(AGENCY, "consent", "confirm", str(case), "--yes")
    refbus.run(AGENCY, "send", str(case), "--again")
    assert refbus.json(SHELTER, "home", "confirm-restored") == {"restored": False}
