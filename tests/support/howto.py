"""Runs the commands of a page as they are printed: its `sh` blocks in one shell, its named files written before.

A block ```` ```toml ```` (or json) whose first line is `# NAME` is a file of that name. `sh` blocks run in order, each
in the same shell, which ends at the first command that fails. A `shell` block is for a person and is not run:
tests/repo/test_printed_commands.py has the reason.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from support.tree import ROOT

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w.-]+)\n")


@dataclass(frozen=True, slots=True)
class Page:
    """What a page has for a shell: the files that it shows, and its commands in order."""

    files: Mapping[str, str]
    blocks: tuple[str, ...]

    @classmethod
    def read(cls, name: str) -> Page:
        """Return the page `name`, a path below docs/."""
        found = blocks((ROOT / "docs" / name).read_text(encoding="utf-8"))
        files = {named[1]: text for kind, text in found if kind != "sh" and (named := _FILE.match(text)) is not None}
        return cls(files, tuple(text for kind, text in found if kind == "sh"))

    def with_word(self, word: str, *, there: bool = True) -> Page:
        """Return the page with the blocks alone in which a word is, or is not."""
        return Page(self.files, tuple(each for each in self.blocks if (word in each) is there))


def blocks(text: str) -> list[tuple[str, str]]:
    """Return the boxes of a page: kind ("" where it says none) and text, those of a list too, without its indent."""
    return [(kind, dedent(inner)) for _, kind, inner in _BLOCK.findall(text)]


def environment(**settings: str) -> dict[str, str]:
    """Return an environment with the project's commands and these settings, and no other of the project."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REFBUS_")}
    commands = f"{Path(sys.executable).parent}:{kept['PATH']}"
    return kept | {"PATH": commands, "PYTHONPATH": str(ROOT / "infra")} | settings


@dataclass(slots=True)
class Shell:
    """One shell that goes through a page in `folder`. What it leaves running ends with `close`.

    `meanwhile` is done again and again while it runs, in the thread of the test.
    """

    folder: Path
    settings: Mapping[str, str]
    meanwhile: Callable[[], None] = lambda: None
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
            self.meanwhile()
            with suppress(subprocess.TimeoutExpired):
                if self.process.wait(0.2) == 0:
                    return
                raise AssertionError(said.read_text(encoding="utf-8")[-4000:])

    def close(self) -> None:
        """End what the page left running."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait()
