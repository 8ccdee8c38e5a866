"""The log of a process: one line for each record, without values.

An exception is shown as its type and the places in the code, never with its text, since the text of a foreign exception
may quote what it choked on (a database error has the parameters of the statement). Ids of organisations become "<org>":
a log is read and copied by people who need not know who wrote when.
"""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

from refbus.explain.report import places
from refbus.foreign import as_json

_ORGANISATION = re.compile(r"(?<![a-z0-9])[a-z]{2}-[0-9a-hjkmnp-tv-z]{8}(?![a-z0-9])")


class Formatter(logging.Formatter):
    """`time level logger: message`, and behind it the places of an exception, all on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`."""
        head = f"{self.formatTime(record)} {record.levelname} {record.name}: {record.getMessage()}"
        line = without_organisations(" | ".join((head, *_places(record))))
        return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in line)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - the base's name
        """Return the time of `record`, UTC, with milliseconds."""
        del datefmt
        return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class JsonFormatter(Formatter):
    """The same as one JSON object a line: time, level, logger, message, and the places of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`."""
        told: dict[str, object] = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": without_organisations(record.getMessage()),
        }
        where = [without_organisations(each) for each in _places(record)]
        return as_json(told | ({"places": where} if where else {}))


def without_organisations(text: str) -> str:
    """Return a text in which no organisation is named by its id."""
    return _ORGANISATION.sub("<org>", text)


def configure_logs(stream: TextIO | None = None, level: str = "info", *, json: bool = False) -> None:
    """Send all logs of the process from `level` on to `stream` (standard error), as text or JSON.

    What was set up before is replaced.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if json else Formatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _places(record: logging.LogRecord) -> list[str]:
    error = record.exc_info[1] if record.exc_info else None
    return [] if error is None else places(error)
