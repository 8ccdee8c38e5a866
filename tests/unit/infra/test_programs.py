"""What every program of the bus answers to: -h, --help and --version, without any setting."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

PROGRAMS = {
    "refbus": "import sys; from refbus_gateway.cli.main import main; sys.exit(main())",
    "refbus-ops": "import sys; from refbus_ops.cli import main; sys.exit(main())",
    "refbus_gate": "import runpy; runpy.run_module('refbus_gate', run_name='__main__')",
    "refbus_auditor": "import runpy; runpy.run_module('refbus_auditor', run_name='__main__')",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_says_its_version_and_explains_itself(program: str) -> None:
    """The version alone on its line; the short and the long word for help print the same; the exit status is 0."""

    def run(word: str) -> str:
        command = [sys.executable, "-c", PROGRAMS[program], word]
        return subprocess.run(command, capture_output=True, text=True, check=True, env={}).stdout

    assert run("--version").strip() == version("refbus")
    assert run("-h") == run("--help") != ""


def test_help_has_two_words_on_every_command() -> None:
    """Also below the groups."""
    for words in (["refbus", "case", "add"], ["refbus-ops", "topics", "plan"]):
        script = PROGRAMS[words[0]]
        shown = [
            subprocess.run(
                [sys.executable, "-c", script, *words[1:], word], capture_output=True, text=True, check=True, env={}
            ).stdout
            for word in ("-h", "--help")
        ]
        assert shown[0] == shown[1] != ""
