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

_ORGANISATION = re.compile(r"\b[a-z]{2}-[0-9a-hjkmnp-tv-z]{8}\b")


class Formatter(logging.Formatter):
    """`time level logger: message`, and behind it the places of an exception, all on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`."""
        parts = [f"{self.formatTime(record)} {record.levelname} {record.name}: {record.getMessage()}"]
        if record.exc_info and record.exc_info[1] is not None:
            parts += places(record.exc_info[1])
        line = _ORGANISATION.sub("<org>", " | ".join(parts))
        return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in line)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - the base's name
        """Return the time of `record`, UTC, with milliseconds."""
        del datefmt
        return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def configure_logs(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send all logs of the process to `stream` (standard error) in this form; what was set up before is replaced."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Formatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
