"""Tests of the directory write thousands of small files; none of them pulls the plug."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def _no_flush() -> Iterator[None]:
    """Leave the disk to the system: a killed process loses nothing that it wrote, flushed or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield
