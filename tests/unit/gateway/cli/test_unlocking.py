"""One unlocking for the commands of a sitting: what they ask for, and what they do not."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from refbus.errors import Code
from refbus_gateway.home import agentsocket
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands, Ran, file
from support.gateways import Pair, case_file

pytestmark = pytest.mark.skipif(not agentsocket.HERE, reason="the agent is there on Linux alone")
WORD = "of the chief"


@dataclass
class Sitting:
    """Somebody at a terminal, who is asked for what is in `answers` and for nothing else."""

    commands: Commands
    runtime: Path
    answers: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def run(self, *arguments: str, ok: bool = True, org: str = AGENCY) -> Ran:
        """Run a command without a file that has the passphrase."""
        home = str(self.commands.world.lab.paths.home(AGENCY if org == AGENCY else SHELTER))
        environ = {"REFBUS_HOME": home, "XDG_RUNTIME_DIR": str(self.runtime)}
        return self.commands.bare(*arguments, environ=environ, ok=ok)

    def prompt(self, text: str, **_: object) -> str:
        """Answer a question."""
        self.asked.append(text)
        if not self.answers:
            raise click.Abort
        return self.answers.pop(0)


@pytest.fixture
def sitting(
    own: Pair, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Sitting]:
    """Give somebody at the terminal of a home with the administrator "chief"; in the end everything is locked."""
    commands = Commands(own.world, capsys)
    commands.at_terminal = True
    (tmp_path / "run").mkdir(mode=0o700)
    made = Sitting(commands, tmp_path / "run")
    monkeypatch.setattr(click, "prompt", made.prompt)
    words = secret(tmp_path, "words", WORD)
    commands.run(AGENCY, "people", "begin", "chief", "--new-passphrase-file", words)
    yield made
    made.run("lock")
    made.run("lock", org=SHELTER)


def secret(folder: Path, name: str, words: str) -> str:
    """Write a file that only its owner reads."""
    path = file(folder, name, words + "\n")
    Path(path).chmod(0o600)
    return path


def test_one_unlocking_lasts_a_sitting(sitting: Sitting, tmp_path: Path) -> None:
    """The passphrase once; then none, with or without the name; another name is asked; after `lock` again."""
    sitting.answers = [WORD]
    assert "10 minutes" in sitting.run("--as", "chief", "unlock").out
    sitting.asked.clear()
    sitting.run("case", "add", file(tmp_path, "case.json", case_file()))
    assert "chief" in sitting.run("--as", "Chief", "people", "list").out
    assert sitting.asked == []
    sitting.run("--as", "other", "people", "list", ok=False)
    assert sitting.asked == ["Passphrase"]
    assert "Locked" in sitting.run("lock").out
    assert "Nothing" in sitting.run("lock").out
    sitting.run("--as", "chief", "people", "list", ok=False)
    assert sitting.asked == ["Passphrase", "Passphrase"]


def test_what_cannot_be_taken_back_asks_all_the_same(sitting: Sitting, tmp_path: Path) -> None:
    """Once for the command; a wrong passphrase does nothing; where nobody can be asked it is refused."""
    words = secret(tmp_path, "new", "of the worker")
    add = ("people", "add", "worker", "--new-passphrase-file", words)
    sitting.answers = [WORD, "wrong", WORD]
    sitting.run("--as", "chief", "unlock")
    assert Code.KEYFILE_WRONG_PASSPHRASE in sitting.run(*add, ok=False).err
    sitting.run(*add)
    assert sitting.answers == []
    sitting.run("--as", "chief", "people", "list", ok=False)  # the slots are others now: it is locked
    sitting.answers = [WORD]
    sitting.run("--as", "chief", "unlock")
    sitting.commands.at_terminal = False
    assert Code.REENTRY_NEEDED in sitting.run("people", "role", "worker", "SUPERVISOR", ok=False).err


def test_a_panic_lock_counts_at_once(sitting: Sitting) -> None:
    """Nothing is answered from then on; who unlocks is asked and is an administrator."""
    sitting.answers = [WORD]
    sitting.run("--as", "chief", "unlock")
    sitting.run("people", "lock")
    sitting.asked.clear()
    sitting.run("--as", "chief", "people", "list", ok=False)
    assert sitting.asked == ["Passphrase"]


def test_codes_are_asked_for_once_a_sitting(sitting: Sitting) -> None:
    """At the unlocking; the commands after it need none."""
    sitting.answers = [WORD]
    begun = sitting.run("--as", "chief", "people", "codes", "--json").value
    totp = TOTP(base64.b32decode(begun["secret"]), 6, SHA1(), 30)
    sitting.answers = [WORD]
    now_s = sitting.commands.world.clock() // 1000
    sitting.run("--as", "chief", "people", "codes", "--confirm", totp.generate(now_s).decode())
    sitting.answers = [WORD, begun["spare"][0]]
    sitting.run("--as", "chief", "unlock")
    assert sitting.answers == []
    assert "one-time codes" in sitting.run("people", "list").out


def test_a_home_with_one_passphrase_is_unlocked_too(sitting: Sitting) -> None:
    """Another home than the first one, with an agent of its own; the first one is asked as before."""
    sitting.answers = [sitting.commands.passphrase.read_text().strip()]
    sitting.run("unlock", org=SHELTER)
    sitting.asked.clear()
    sitting.run("status", org=SHELTER)
    assert sitting.asked == []
    sitting.run("--as", "chief", "status", ok=False)
    assert sitting.asked == ["Passphrase"]
