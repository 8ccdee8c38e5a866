"""An edition of statistics: what is one, and what is refused before anything of it is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.errors import Code, SetupError
from refbus_gateway.forms.edition import read_edition

GOOD = b'{"format": "refbus/statistics/1", "country": "kz", "year": 2026, "tables": []}'


def test_an_edition_is_read(tmp_path: Path) -> None:
    """What the node of a country published is returned as it is."""
    (tmp_path / "edition").write_bytes(GOOD)
    assert read_edition(tmp_path / "edition")["year"] == 2026


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (GOOD.replace(b"statistics/1", b"statistics/9"), Code.FILE_UNREADABLE),
        (GOOD.replace(b', "tables": []', b""), Code.FILE_UNREADABLE),
        (GOOD.replace(b'"kz"', b"[]"), Code.FILE_UNREADABLE),
        (GOOD.replace(b"2026", b"1e999"), Code.FILE_UNREADABLE),
        (GOOD.replace(b"[]", b"{}"), Code.FILE_UNREADABLE),
        (GOOD.replace(b"2026", b'2026, "half": 3'), Code.FILE_UNREADABLE),
        (GOOD.replace(b"2026", b'2026, "half": true'), Code.FILE_UNREADABLE),
        (GOOD.replace(b"[]", b"[7]"), Code.FILE_UNREADABLE),
        (GOOD.replace(b"[]", b'[{"kind": "REFERRAL", "split_by": "age"}]'), Code.FILE_UNREADABLE),
        (
            GOOD.replace(b"[]", b'[{"kind": "REFERRAL", "split_by": "age", "total": 12, "cells": {"ADULT": "x"}}]'),
            Code.FILE_UNREADABLE,
        ),
        (b"[]", Code.FILE_UNREADABLE),
        (b"{", Code.FILE_UNREADABLE),
        (b"\xff", Code.FILE_UNREADABLE),
        (b"[" * 1000, Code.FILE_UNREADABLE),
        (b" " * 65_537, Code.TOO_LARGE),
    ],
)
def test_what_is_no_edition_is_refused(tmp_path: Path, content: bytes, code: Code) -> None:
    """Another format, no object, no JSON, no UTF-8, nested too deep, too large: each with its code."""
    (tmp_path / "edition").write_bytes(content)
    with pytest.raises(SetupError) as refused:
        read_edition(tmp_path / "edition")
    assert refused.value.code is code
