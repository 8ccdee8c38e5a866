"""`refbus-ops country answer`: what goes to the ceremony is never written among the keys of the home."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from refbus.errors import Code, RefbusError
from refbus_ops.cli import root


@pytest.mark.parametrize("place", ["home/keys/gate.key", "home/answer.json", "home/../home/org.json", "link/org.json"])
def test_an_answer_is_not_written_into_the_home(tmp_path: Path, place: str) -> None:
    """However the place is spelt: what is there stays as it is."""
    (tmp_path / "home" / "keys").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "home")
    for name in ("challenge.json", "P"):
        (tmp_path / name).write_text("{}\n", encoding="utf-8")
    words = ["answer", str(tmp_path / "challenge.json"), "--home", str(tmp_path / "home")]
    given = ["--passphrase-file", str(tmp_path / "P"), "--out", str(tmp_path / place)]
    caught = CliRunner().invoke(root, ["country", *words, *given]).exception
    assert isinstance(caught, RefbusError)
    assert caught.code is Code.USAGE
    assert not (tmp_path / place).exists()
