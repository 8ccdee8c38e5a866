"""A home and a backup of it, for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus_gateway.home import backups
from refbus_gateway.home.folder import Config, Home
from support.ceremonies import AGENCY
from support.gateways import Pair, sent


@pytest.fixture
def home(own: Pair) -> Home:
    """Give the home of the agency."""
    return own.world.home(AGENCY)


@pytest.fixture
def backup(own: Pair, tmp_path: Path) -> Path:
    """Give a backup with one case that was sent; the agency's gateway is closed."""
    sent(own.kz)
    folder = tmp_path / "stick" / "monday"
    own.kz.home.save_config(Config("127.0.0.1:9092", "", ("notify-send", "Fictional"), 60))
    assert backups.back_up(own.kz, folder) > 5
    own.kz.close()
    return folder
