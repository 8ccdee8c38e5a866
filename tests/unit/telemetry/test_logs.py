from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import NoReturn

import pytest

from refbus.errors import Code, StoreError
from refbus.telemetry.logs import configure_logs

SECRET = "fictional person, Almaty"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Return what the process logs during a test."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    root.handlers = []
    configure_logs(stream)
    yield stream
    root.handlers = before
    root.setLevel(level)


def fail(error: Exception, cause: Exception | None = None) -> NoReturn:
    """Raise `error`."""
    raise error from cause


def test_line_has_time_level_and_logger(log: io.StringIO) -> None:
    """A line says when (UTC), how bad and where from."""
    logging.getLogger("refbus.gate").warning("the store is %s", "slow")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING refbus\.gate: the store is slow\n", log.getvalue()
    )


def test_exception_text_is_not_logged(log: io.StringIO) -> None:
    """Type and places of an exception are logged, its text and its values are not, also of what caused it."""
    try:
        fail(ValueError(SECRET), KeyError(SECRET))
    except ValueError:
        logging.getLogger("refbus.gate").exception("a record failed alone")
    line = log.getvalue()
    assert "a record failed alone | ValueError | test_logs.py:" in line
    assert SECRET not in line
    assert line.count("\n") == 1


def test_own_errors_show_their_code(log: io.StringIO) -> None:
    """The code of our own error is in the line, its detail is not."""
    try:
        fail(StoreError(Code.STORE_FAILED, SECRET))
    except StoreError:
        logging.getLogger("refbus").exception("commit")
    assert "StoreError STORE_FAILED" in log.getvalue()
    assert SECRET not in log.getvalue()


def test_organisations_are_not_named(log: io.StringIO) -> None:
    """An organisation id in any text becomes <org>; a gate is a country's and stays."""
    logging.getLogger("rdkafka").error("topic uz.inbox.uz-she1ter1 of %s not found by kz-gate", "kz-4f7k2m9q")
    assert log.getvalue().endswith("topic uz.inbox.<org> of <org> not found by kz-gate\n")


def test_a_log_line_cannot_be_forged(log: io.StringIO) -> None:
    """Line ends and control characters in a message do not begin a line of their own."""
    logging.getLogger("x").info("first\n2026-01-01T00:00:00.000Z CRITICAL x: second\x1b[2J")
    assert len(log.getvalue().splitlines()) == 1
    assert "\x1b" not in log.getvalue()


def test_chatter_is_left_out(log: io.StringIO) -> None:
    """Debug records, which libraries fill with contents, are not logged."""
    logging.getLogger("aiokafka").debug("%s", SECRET)
    assert log.getvalue() == ""


def test_a_log_for_machines_is_one_object_a_line() -> None:
    """Time, level, logger and message; places of an exception and not its text; no organisation, no other line."""
    root = logging.getLogger()
    before, level, stream = list(root.handlers), root.level, io.StringIO()
    root.handlers = []
    try:
        configure_logs(stream, "warning", json=True)
        logging.getLogger("refbus.gate").info("too quiet")
        try:
            fail(ValueError(SECRET))
        except ValueError:
            logging.getLogger("refbus.gate").exception("a record of %s\nfailed", "kz-4f7k2m9q")
    finally:
        root.handlers = before
        root.setLevel(level)
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert (told["level"], told["logger"], told["message"]) == ("ERROR", "refbus.gate", "a record of <org>\nfailed")
    assert told["places"][0] == "ValueError"
    assert SECRET not in line
