"""The command `refbus` as a person or a script runs it, on a bus in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from refbus.core.ids import OrgId
from refbus_gateway.cli.main import main
from refbus_gateway.cli.runtime import Runtime
from support.ceremonies import PASSPHRASE
from support.gateways import World


@dataclass(frozen=True)
class Ran:
    """What a command left: exit status, standard output, standard error."""

    status: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """The JSON that it printed."""
        return json.loads(self.out)


class Commands:
    """Runs commands for the members of a world."""

    def __init__(self, world: World, capture: pytest.CaptureFixture[str]) -> None:
        self.world = world
        self._capture = capture
        self.at_terminal = False
        self.passphrase = world.folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n")
        self.passphrase.chmod(0o600)

    def run(self, org: OrgId, *arguments: str, ok: bool | None = True, **environ: str) -> Ran:
        """Run a command in a member's home."""
        surroundings = {
            "REFBUS_HOME": str(self.world.lab.paths.home(org)),
            "REFBUS_PASSPHRASE_FILE": str(self.passphrase),
            **environ,
        }
        return self.bare(*arguments, environ=surroundings, ok=ok)

    def json(self, org: OrgId, *arguments: str) -> Any:
        """Run a command with --json and return what it printed."""
        return self.run(org, *arguments, "--json").value

    def bare(self, *arguments: str, environ: dict[str, str] | None = None, ok: bool | None = True) -> Ran:
        """Run a command with exactly this environment. `ok`: whether it has to end well; None: it may."""
        runtime = Runtime(environ or {}, self.world.clock, lambda *_: self.world.bus, lambda: self.at_terminal)
        self._capture.readouterr()
        status = main(list(arguments), runtime=runtime)
        out, err = self._capture.readouterr()
        ran = Ran(status, out, err)
        assert ok is None or (status == 0) is ok, ran
        return ran


def file(folder: Path, name: str, content: bytes | str) -> str:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)
