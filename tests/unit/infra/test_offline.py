"""The fast tests run where there is no network."""

from __future__ import annotations

import sys

import pytest

from tools import offline

_TRY = """
import socket
with socket.create_server(("127.0.0.1", 0)) as here, socket.create_connection(here.getsockname()):
    pass
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
    try:
        out.connect(("192.0.2.1", 9))
    except OSError:
        raise SystemExit(7)
"""


def test_only_this_machine_can_be_reached() -> None:
    """The loopback device works, and there is no way to any other address."""
    if not offline.is_allowed():
        pytest.skip("this machine allows no network of one's own")
    assert offline.main([sys.executable, "-c", _TRY]) == 7


def test_where_it_is_forbidden_the_command_runs_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without `unshare` the exit status is still that of the command."""
    monkeypatch.setattr(offline, "_UNSHARE", ("there-is-no-such-program",))
    assert offline.main([sys.executable, "-c", "raise SystemExit(5)"]) == 5
    assert "could reach the network" in capfd.readouterr().out
