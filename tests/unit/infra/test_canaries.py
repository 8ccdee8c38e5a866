"""The search for a text that must be nowhere finds it in every form in which it may stand."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from support.canaries import CANARY, files_below, found_in

PLAIN = CANARY.encode()
HIDDEN = {
    "as it is": b"log line: " + PLAIN + b"\n",
    "UTF-16": ("before" + CANARY).encode("utf-16-le"),
    "UTF-16 big-endian": ("before" + CANARY).encode("utf-16-be"),
    "hex": b"x" + PLAIN.hex().upper().encode(),
    "JSON": json.dumps({"text": f"before {CANARY}"}).encode(),
    "URL": quote(f"before {CANARY}").encode(),
    **{f"base64 after {number} bytes": base64.b64encode(b"x" * number + PLAIN + b"end") for number in range(4)},
    "base64 of UTF-16": base64.urlsafe_b64encode(b"y" + CANARY.encode("utf-16-le") + b"z"),
}


@pytest.mark.parametrize("content", HIDDEN.values(), ids=HIDDEN.keys())
def test_every_form_is_found(content: bytes) -> None:
    """A leak in this form fails whatever searches for it."""
    assert found_in(CANARY, {"place": content})


def test_other_bytes_are_not() -> None:
    """Nothing is found where nothing is."""
    assert found_in(CANARY, {"place": b"Fictional: another text " + bytes(range(256))}) == []


def test_names_of_files_are_searched_too(tmp_path: Path) -> None:
    """A file that is called by the text is a leak as well."""
    (tmp_path / CANARY).touch()
    assert found_in(CANARY, files_below(tmp_path))
