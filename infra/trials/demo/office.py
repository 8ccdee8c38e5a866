"""One organisation's office: a person at the `refbus` command, while the organisation's gateway runs beside it."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka.patience import Patience
from refbus.core.ids import OrgId
from refbus_gateway.cli.main import main as refbus


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed with --json, and its exit status."""

    status: int
    value: Any

    @property
    def code(self) -> str:
        """The stable code of the failure, "" when there was none."""
        return str(self.value["error"]["code"]) if self.status else ""


class CommandFailedError(Exception):
    """A command of the story failed where the story needs it to work."""


class Office:
    """Runs commands as one organisation. `environment` is the whole environment of the command."""

    def __init__(self, org: OrgId, environment: Mapping[str, str], desk: Path) -> None:
        self.org = org
        self._environment = {name: value for name, value in environment.items() if name != "REFBUS_METRICS_PORT"}
        self._desk = desk
        desk.mkdir(parents=True, exist_ok=True)

    def file(self, name: str, content: bytes | Mapping[str, Any]) -> str:
        """Put a file on the desk and return its path."""
        path = self._desk / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode())
        return str(path)

    def secret(self, name: str, text: str) -> str:
        """Put a passphrase file on the desk, readable by its owner alone, and return its path."""
        path = self._desk / name
        path.write_text(text + "\n", encoding="utf-8")
        path.chmod(0o600)
        return str(path)

    def ask(self, *words: str) -> Answer:
        """Run one command with --json; a refusal is an answer too."""
        out = io.StringIO()
        with redirect_stdout(out):
            status = refbus([*words, "--json"], environ=self._environment)
        text = out.getvalue().strip()
        return Answer(status, json.loads(text) if text else None)

    def do(self, *words: str) -> Any:
        """Run one command that must work. Raises CommandFailedError."""
        answer = self.ask(*words)
        if answer.status:
            raise CommandFailedError(f"{self.org}: refbus {words[0]}: {answer.value}")
        return answer.value

    def say(self, *words: str) -> list[str]:
        """Run one command as a person does and return the lines that it prints."""
        out = io.StringIO()
        with redirect_stdout(out):
            refbus(list(words), environ=self._environment)
        return out.getvalue().splitlines()

    def until(self, words: Sequence[str], holds: Any, seconds: float = 60.0) -> Any:
        """Repeat a command until `holds(value)`. Raises TimeoutError."""
        patience = Patience(seconds)
        while True:
            answer = self.ask(*words)
            if answer.status == 0 and holds(answer.value):
                return answer.value
            if not patience.holds(str(answer.value)):
                raise TimeoutError(f"{self.org}: refbus {' '.join(words)}: {answer.value}")
            time.sleep(0.3)
