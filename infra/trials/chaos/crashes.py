"""What should not be able to end a service and did, as its log tells: an error that has no code."""

from __future__ import annotations

import re
from pathlib import Path

from refbus import errors

_CRASH = re.compile(r"INTERNAL_ERROR|CRITICAL refbus\.bus\.crash: .+ failed: (?P<error>\w+)$")


def crashes(folder: Path) -> list[str]:
    """Return the lines of the logs in `folder` that tell of such an end, each with the name of its service."""
    found = list[str]()
    for path in sorted(folder.glob("*.log")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            told = _CRASH.search(line)
            if told is not None and not _is_coded(told["error"]):
                found.append(f"{path.stem}: {line}")
    return found


def _is_coded(name: str | None) -> bool:
    """Return whether that is an error of ours: a service that ends by one says its code, and waits for the operator."""
    kind = getattr(errors, name or "", None)
    return isinstance(kind, type) and issubclass(kind, errors.RefbusError)
