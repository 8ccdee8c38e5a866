"""The harness's own record of what it sent: append-only, on disk before it counts, apart from every product store.

One JSON object per line. "planned" lines are on disk before the first byte goes to a broker, so that whatever happens
afterwards each send is known; "outcome" lines say what the client heard: ok, failed or unknown.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any


class Nature(StrEnum):
    """What was sent, and with it what must become of it."""

    EVENT = "EVENT"  # permitted: delivered once, unless its consent was withdrawn before it in the log
    CROSSED = "CROSSED"  # an answer on its way while the other side withdraws: whichever a gate sees first decides
    WITHDRAWAL = "WITHDRAWAL"  # delivered once; closes its case for everything behind it
    UNCONSENTED = "UNCONSENTED"  # sealed and signed, but without consent: refused
    UNHEARD = "UNHEARD"  # a withdrawal of what never left its sender: the own gate refuses it
    POISON = "POISON"  # bytes that are no envelope, or no longer the one that was signed: refused or quarantined


class Outcome(StrEnum):
    """What the client was told of one attempt."""

    OK = "ok"
    FAILED = "failed"  # the broker refused it: not stored
    UNKNOWN = "unknown"  # no answer in time: it may be stored


@dataclass(frozen=True, slots=True)
class Planned:
    """One event that the harness is about to send. `event` names it: its id, or the hash of bytes that have none.

    `sha256` is of the bytes sent, `payload` of what only the recipient can open; all as hexadecimal text.
    """

    event: str
    case: str
    step: int
    sender: str
    recipient: str
    nature: Nature
    sha256: str
    payload: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the client heard of one attempt to send an event."""

    event: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Pages:
    """A journal as it is read back."""

    planned: tuple[Planned, ...]
    attempts: tuple[Attempt, ...]
    faults: tuple[str, ...]

    def accepted(self) -> frozenset[str]:
        """Return the events of which the broker confirmed at least one copy."""
        return frozenset(each.event for each in self.attempts if each.outcome is Outcome.OK)


class Journal:
    """Appends to one file; every call returns after fsync. Several threads may write."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = threading.Lock()
        self._file = path.open("ab")

    def planned(self, events: Iterable[Planned]) -> None:
        """Note events before they are sent."""
        self._append({"kind": "planned", **asdict(each)} for each in events)

    def attempts(self, outcomes: Iterable[Attempt]) -> None:
        """Note what the client heard."""
        self._append({"kind": "outcome", **asdict(each)} for each in outcomes)

    def fault(self, name: str) -> None:
        """Note a fault at the moment it is injected."""
        self._append([{"kind": "fault", "name": name}])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, entries: Iterable[dict[str, Any]]) -> None:
        data = b"".join(json.dumps(entry, separators=(",", ":")).encode() + b"\n" for entry in entries)
        if data:
            with self._lock:
                self._file.write(data)
                self._file.flush()
                os.fsync(self._file.fileno())


def read(path: Path) -> Pages:
    """Return everything in a journal. A last line that was cut off by a crash does not count."""
    planned: list[Planned] = []
    attempts: list[Attempt] = []
    faults: list[str] = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        entry = json.loads(line)
        kind = entry.pop("kind")
        if kind == "planned":
            planned.append(Planned(**{**entry, "nature": Nature(entry["nature"])}))
        elif kind == "outcome":
            attempts.append(Attempt(entry["event"], Outcome(entry["outcome"])))
        else:
            faults.append(entry["name"])
    return Pages(tuple(planned), tuple(attempts), tuple(faults))
