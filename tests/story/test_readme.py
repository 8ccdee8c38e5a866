"""The commands of the README at a desk, as printed."""

from __future__ import annotations

import json
from pathlib import Path

from demo.stack import desk
from support.ceremonies import AGENCY, lab
from support.gateways import case_file
from support.howto import Page, Shell
from support.live import FileClock
from support.twocountries import PASSPHRASE


def test_the_commands_at_a_desk(tmp_path: Path) -> None:
    """A shell that read the file of `make up` is at the agency: a case to fill in, a return, how it stands."""
    federation = lab(tmp_path)
    clock = FileClock(tmp_path / "clock")
    federation.home(AGENCY).trust_store().refresh_from(federation.files(), clock())
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")
    (tmp_path / "passphrase").chmod(0o600)
    settings = {
        "REFBUS_HOME": str(federation.paths.home(AGENCY)),
        "REFBUS_PASSPHRASE_FILE": str(tmp_path / "passphrase"),
        "REFBUS_CLOCK_FILE": str(clock.file),
        "REFBUS_BOOTSTRAP_KZ": "127.0.0.1:9",
    }
    (tmp_path / "var" / "run" / "desk").mkdir(parents=True)
    (tmp_path / "var" / "run" / "desk" / AGENCY).write_text(desk(settings), encoding="utf-8")
    shell = Shell(tmp_path, {})
    try:
        shell.follow(Page.read("../README.md"))
    finally:
        shell.close()
    case = json.loads((tmp_path / "case.json").read_text(encoding="utf-8"))
    assert set(json.loads(case_file())) & set(case) >= {"format", "person"}
    said = (tmp_path / "said").read_text(encoding="utf-8")
    assert "Last synchronised" in said
    assert '"is_minor"' in said
