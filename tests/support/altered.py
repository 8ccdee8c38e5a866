"""A program of the sender that was altered: what it no longer checks, only the other side can see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from refbus_gateway.forms import casefile
from refbus_gateway.rules import age_check


@contextmanager
def without_age_checks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let an office take down and send what says another age than its consent, for the time of the block."""
    with monkeypatch.context() as altered:
        altered.setattr(casefile, "check_fields", lambda *_args: None)
        altered.setattr(age_check, "with_majority", lambda _gateway, _tx, _case, record: record)
        altered.setattr(age_check, "require_same_age", lambda *_args: None)
        altered.setattr(age_check, "require_clear", lambda *_args: None)
        yield
