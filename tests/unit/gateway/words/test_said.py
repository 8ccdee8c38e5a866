"""The detail of an error: English for programs, and said in the reader's language with everything in it."""

from __future__ import annotations

import errno
import os

import pytest

from refbus.errors import Code, SetupError
from refbus.explain import as_mapping, render
from refbus.said import Said, joined, placed, reason_of, said
from refbus.usage import usage
from refbus_gateway.web.office import Office
from refbus_gateway.words.catalogue import catalogue

WORDS = catalogue("ru")
DETAILS = {
    said("%(file)s is not JSON in UTF-8", file="x.json"): "x.json — не JSON в UTF-8",
    placed("org.json", said("not JSON")): "org.json: не JSON",
    placed("x.json", said("at most %(most)s bytes", most=9)): "x.json: не больше байт, чем 9",
    joined([said("not JSON"), said("too large"), "x"]): "не JSON, слишком велико, x",
    usage("Missing option '--to'."): "Не указан параметр '--to'.",
    "no message at all": "no message at all",
}


@pytest.mark.parametrize(("detail", "russian"), DETAILS.items())
def test_a_detail_is_said_in_russian_and_stays_english_for_programs(detail: str, russian: str) -> None:
    """On a page, on a terminal; in JSON and in the text of the error it is as it was made."""
    error = SetupError(Code.FILE_UNREADABLE, detail)
    assert WORDS.spoken(detail) == russian
    assert Office.words_of(error, WORDS).detail == russian
    assert f"({russian})" in render(error, lambda text: WORDS.told("error", text))
    assert as_mapping(error)["error"]["detail"] == str(detail)  # type: ignore[index]
    assert str(error).endswith(f": {detail}")


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ENOSPC, errno.EROFS])
def test_what_the_system_says_is_known(number: int) -> None:
    """The usual reasons of a file that cannot be read or written have words."""
    assert isinstance(reason_of(OSError(number, os.strerror(number))), Said)


def test_a_reason_that_nobody_knows_stays() -> None:
    """It is shown as the system says it."""
    assert reason_of(OSError(errno.EXDEV, "Fictional reason")) == "Fictional reason"
