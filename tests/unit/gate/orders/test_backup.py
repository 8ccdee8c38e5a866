"""A backup of a gate's home: made beside the running gate, and a backup only when it could be restored."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.core.ids import CountryCode
from refbus.errors import Code, RefbusError
from refbus_gate.home import AUDIT_KEYS, STORE, GateHome
from refbus_gate.orders.backup import backup
from refbus_gate.orders.putback import restore
from support.ceremonies import PASSPHRASE, lab

CASES = (b"a" * 32, b"b" * 32)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Return the home of a gate that has worked."""
    folder = lab(tmp_path).paths.gate(CountryCode("kz"))
    home = GateHome.open(folder, PASSPHRASE)
    home.audit_keys.of(CASES)
    home.close()
    return folder


def test_a_backup_beside_a_running_gate_makes_a_lost_home_again(gate: Path, tmp_path: Path) -> None:
    """From folder and file alone a new machine has the gate with its audit keys; the two are apart."""
    running = GateHome.open(gate, PASSPHRASE)
    told = backup(gate, PASSPHRASE, tmp_path / "copy", tmp_path / "apart" / "keys.db")
    running.close()
    assert "has succeeded" in told[0]
    assert not list((tmp_path / "copy").rglob(AUDIT_KEYS))
    new = tmp_path / "new"
    for medium in (tmp_path / "copy", tmp_path / "apart" / "keys.db"):
        restore(new, PASSPHRASE, medium, older=False)
    home = GateHome.open(new, PASSPHRASE)
    assert home.audit_keys.of(CASES) == running_keys(gate)
    home.close()
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def running_keys(gate: Path) -> object:
    """Return the audit keys that the gate itself has."""
    home = GateHome.open(gate, PASSPHRASE)
    keys = home.audit_keys.of(CASES)
    home.close()
    return keys


def test_what_cannot_be_restored_is_no_backup(gate: Path, tmp_path: Path) -> None:
    """A damaged store leaves neither folder nor file, and the next call begins anew."""
    (gate / "store" / STORE).write_bytes(b"no database at all" * 1000)
    with pytest.raises(RefbusError):
        backup(gate, PASSPHRASE, tmp_path / "copy", tmp_path / "keys.db")
    assert not [path for path in tmp_path.iterdir() if "copy" in path.name or "keys.db" in path.name]


def test_a_backup_is_never_written_over_another(gate: Path, tmp_path: Path) -> None:
    """USAGE where the folder or the file is there, or where the keys would lie beside the rest."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there.db").touch()
    for target, keys in (("there", "keys.db"), ("copy", "there.db"), ("copy", "copy/keys.db")):
        with pytest.raises(RefbusError) as caught:
            backup(gate, PASSPHRASE, tmp_path / target, tmp_path / keys)
        assert caught.value.code is Code.USAGE
