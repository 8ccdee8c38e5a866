"""What tests of the operator's commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from refbus_ops import ca
from refbus_ops.cli import root
from support.directories import NOW_MS


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a way to give one command of an authority that was made at a time that stands still."""
    monkeypatch.setattr(ca, "machine_ms", lambda: NOW_MS)
    (tmp_path / "P").write_text("fictional passphrase\n", encoding="utf-8")

    def call(name: str, *words: str | Path) -> str:
        own = [] if name == "request" else ["--authority", str(tmp_path / "CA")]
        own += [] if name in {"request", "show"} else ["--passphrase-file", str(tmp_path / "P")]
        result = CliRunner().invoke(root, ["ca", name, *map(str, words), *own])
        if result.exception is not None:
            raise result.exception
        return result.output

    call("create", "--country", "kz", "--lists-at", "file:///etc/refbus/tls")
    return call
