"""There is one door to contents, and what a gate imports does not lead to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import refbus

SERVICES = Path(refbus.__file__).parents[1]


def test_the_label_of_contents_is_used_by_sender_and_recipient_only() -> None:
    """`Box.CONTENT` is named where contents are sealed and where they are opened, and nowhere else."""
    users = {
        file.relative_to(SERVICES).as_posix() for file in SERVICES.rglob("*.py") if "Box.CONTENT" in file.read_text()
    }
    assert users == {"refbus/envelope/sealing.py", "refbus/envelope/content.py"}


def test_gates_modules_do_not_load_the_door() -> None:
    """Opening, authenticating, sealing and notices work without the module that opens contents being loaded."""
    names = ("refbus.envelope.routing", "refbus.envelope.sealing", "refbus.envelope.notice", "refbus.envelope.format")
    script = f"import sys, {', '.join(names)}; sys.exit('refbus.envelope.content' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
