"""Runs the commands of a page as they are printed: its `sh` blocks in one shell, its named files written before.

A block ```` ```toml ```` (or json) whose first line is `# NAME` is a file of that name. `sh` blocks run in order, each
in the same shell, which ends at the first command that fails. A plain block is for a person and is not run.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from support.tree import ROOT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w.-]+)\n")


@dataclass(frozen=True, slots=True)
class Page:
    """What a page has for a shell: the files that it shows, and its commands in order."""

    files: Mapping[str, str]
    blocks: tuple[str, ...]

    @classmethod
    def read(cls, name: str) -> Page:
        """Return the page `name`, a path below docs/."""
        found = _BLOCK.findall((ROOT / "docs" / name).read_text(encoding="utf-8"))
        files = {named[1]: text for _, text in found if (named := _FILE.match(text)) is not None}
        return cls(files, tuple(text for kind, text in found if kind == "sh"))


def environment(**settings: str) -> dict[str, str]:
    """Return an environment with the project's commands and these settings, and no other of the project."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REFBUS_")}
    commands = f"{Path(sys.executable).parent}:{kept['PATH']}"
    return kept | {"PATH": commands, "PYTHONPATH": str(ROOT / "infra")} | settings


@dataclass(slots=True)
class Shell:
    """One shell that goes through a page in `folder`. What it leaves running ends with `close`."""

    folder: Path
    settings: Mapping[str, str]
    process: subprocess.Popen[str] | None = None

    def follow(self, page: Page) -> None:
        """Write the files of a page and run its blocks; a command that fails fails the test with what it said."""
        for name, text in page.files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        said, done = self.folder / "said", self.folder / "done"
        script = "\n".join(("set -eu", *page.blocks, f"touch {done}", "wait"))
        with said.open("w", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env=environment(**self.settings),
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        while not done.exists():
            with suppress(subprocess.TimeoutExpired):
                if self.process.wait(0.2) == 0:
                    return
                raise AssertionError(said.read_text(encoding="utf-8")[-4000:])

    def close(self) -> None:
        """End what the page left running."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait()
