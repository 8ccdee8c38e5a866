"""Restores as tests make them, and what is left of a home after one."""

from __future__ import annotations

import json
from pathlib import Path

from refbus.crypto.framing import sha256
from refbus_gateway.home import backups
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.home.restore import Restored, restore
from refbus_gateway.store import cases
from support.ceremonies import AGENCY, PASSPHRASE
from support.gateways import Pair


def bring_back(own: Pair, folder: Path, home: Home, *, unproven: bool = False) -> Restored:
    """Restore with the clock of the world."""
    return restore(folder, home, PASSPHRASE, own.world.clock, unproven=unproven)


def opened(own: Pair, home: Home) -> Gateway:
    """Open a home as it is now."""
    return open_gateway(home, PASSPHRASE, own.world.clock)


def everything(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder, locks and what the database does beside itself left out."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    left_out = (".lock", "-shm", "-wal", "lock")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in found if not path.name.endswith(left_out)
    }


def unprove(backup: Path) -> None:
    """Make a backup one of the first format, with its hashes right."""
    manifest = json.loads((backup / backups.MANIFEST).read_text())
    hashes = {name: sha256((backup / name).read_bytes()).hex() for name in manifest["files"]}
    old = {"format": "refbus-backup/1", "org_id": AGENCY, "made_ms": manifest["made_ms"], "files": hashes}
    (backup / backups.MANIFEST).write_text(json.dumps(old))


def assert_erased(own: Pair, place: Home) -> None:
    """Check that the home opens and that the case which was erased is."""
    gateway = opened(own, place)
    with gateway.store.read() as tx:
        assert cases.get(tx, 1).key is None
    gateway.close()
