"""An office that goes on from a backup, for tests of what it does not know."""

from __future__ import annotations

from pathlib import Path

from refbus_gateway.home import backups
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import open_gateway
from refbus_gateway.home.restore import restore
from support.ceremonies import PASSPHRASE
from support.gateways import Pair, sent


def go_on_from_backup(pair: Pair, folder: Path) -> int:
    """Send a case from Kazakhstan, and let that office go on from a backup in `folder`; return the case's number."""
    case, _ = sent(pair.kz)
    pair.exchange()
    backups.back_up(pair.kz, folder / "backup")
    pair.kz.close()
    place = Home(folder / "clean")
    restore(folder / "backup", place, PASSPHRASE, pair.world.clock)
    pair.kz = open_gateway(place, PASSPHRASE, pair.world.clock)
    return case
