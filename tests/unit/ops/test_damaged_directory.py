"""`refbus-ops directory` over damaged and hostile files: each command is done, or ends with a coded error."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from refbus.errors import RefbusError
from refbus_ops import directory as commands
from refbus_ops import staging
from support.ceremonies import SHELTER, Lab, lab
from support.directories import NOW_MS

DEEP: Final = b"[" * 30_000
CONTENTS = {
    "null": b"null",
    "object": b"{}",
    "deep": DEEP,
    "deep objects": b'{"signed":' * 30_000,
    "no text": b"\xff\xfe",
    "endless number": b"1" + b"0" * 5_000,
}


@pytest.fixture
def fed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Return a federation with a staged change."""
    for module in (commands, staging):
        monkeypatch.setattr(module, "machine_ms", lambda: NOW_MS)
    made = lab(tmp_path)
    assert run(made, "suspend", SHELTER).exit_code == 0
    return made


def run(fed: Lab, *arguments: str) -> Result:
    """Run one command; a mistake of the program is none of its ends."""
    result = CliRunner().invoke(commands.directory, ["--federation", str(fed.paths.out), *arguments])
    assert result.exception is None or isinstance(result.exception, (RefbusError, SystemExit)), result.exc_info
    return result


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_damaged_metadata_ends_in_a_code(fed: Lab, content: bytes) -> None:
    """Published or staged, whatever stands in it."""
    published, staged = (folder / "metadata" for folder in (fed.paths.repository, fed.paths.staged))
    for path in (published / "timestamp.json", *published.glob("1.uz.json"), *staged.glob("*.json")):
        sound = path.read_bytes()
        path.write_bytes(content)
        run(fed, "show")
        path.write_bytes(sound)


@pytest.mark.parametrize("name", ["x.root.json", ".root.json", "-1.root.json", f"{10**30}.root.json"])
def test_a_stray_root_is_none(fed: Lab, name: str) -> None:
    """A file whose name is no version lies beside the metadata: the commands do their work."""
    stray = fed.paths.repository / "metadata" / name
    stray.write_bytes(DEEP)
    assert run(fed, "show").exit_code == 0
    assert run(fed, "verify").exit_code == 0


@pytest.mark.parametrize("name", ["a.json", "metadata/a.json", "metadata/1.zz.json", "metadata/7.root.json"])
def test_a_stray_staged_file_ends_in_a_code_and_can_be_discarded(fed: Lab, name: str) -> None:
    """What is published is untouched."""
    (fed.paths.staged / name).write_bytes(DEEP)
    run(fed, "show")
    assert run(fed, "discard").exit_code == 0
    assert run(fed, "show").exit_code == 0
