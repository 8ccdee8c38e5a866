"""A gate whose databases or files were lost says so; `restore` brings back what it lacks, never over what it has."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from refbus.core.ids import CountryCode
from refbus.database import erased
from refbus.errors import Code, RefbusError
from refbus.node import homecopy
from refbus_gate.home import AUDIT_KEYS, STORE, GateHome
from refbus_gate.orders import putback
from refbus_gate.orders.putback import restore
from support.ceremonies import PASSPHRASE, lab
from support.emptied import WAYS, put_other

CASES = (b"a" * 32, b"b" * 32)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Return the home of a gate that has worked and is stopped."""
    folder = lab(tmp_path).paths.gate(CountryCode("kz"))
    home = GateHome.open(folder, PASSPHRASE)
    home.audit_keys.of(CASES)
    home.forget_cases(CASES[:1])
    home.close()
    return folder


def audit_keys(folder: Path) -> dict[bytes, bytes]:
    """Open the gate; return the sealed audit keys that it has."""
    GateHome.open(folder, PASSPHRASE).close()
    with closing(sqlite3.connect(folder / "store" / AUDIT_KEYS)) as opened:
        return dict(opened.execute("SELECT case_key, sealed FROM audit_key").fetchall())


def refused(folder: Path) -> Code:
    """Return the code with which the gate does not start."""
    with pytest.raises(RefbusError) as caught:
        GateHome.open(folder, PASSPHRASE)
    return caught.value.code


@pytest.mark.parametrize("name", [STORE, AUDIT_KEYS])
@pytest.mark.parametrize("way", WAYS)
def test_an_emptied_database_is_not_taken_for_new(gate: Path, tmp_path: Path, name: str, way: str) -> None:
    """HOME_DAMAGED until a copy of the home was restored; then the gate has the same audit keys as before."""
    copy, keys = shutil.copytree(gate, tmp_path / "copy"), audit_keys(gate)
    WAYS[way](gate / "store" / name)
    assert refused(gate) is Code.HOME_DAMAGED
    restore(gate, PASSPHRASE, copy, older=False)
    assert audit_keys(gate) == keys == {CASES[1]: keys[CASES[1]]}


@pytest.mark.parametrize("name", [STORE, AUDIT_KEYS])
def test_the_database_of_another_gate_is_refused(gate: Path, tmp_path: Path, name: str) -> None:
    """HOME_DAMAGED where it was put by hand; KEYFILE_WRONG_PASSPHRASE or STORE_FAILED as a copy to restore."""
    other = lab(tmp_path / "other").paths.gate(CountryCode("uz"))
    home = GateHome.open(other, PASSPHRASE)
    home.audit_keys.of(CASES)
    home.close()
    shutil.copytree(gate, tmp_path / "before")
    put_other(gate / "store" / name, other / "store" / name)
    assert refused(gate) is Code.HOME_DAMAGED
    with pytest.raises(RefbusError) as caught:
        restore(gate, PASSPHRASE, other / "store" / name, older=True)
    assert caught.value.code in {Code.KEYFILE_WRONG_PASSPHRASE, Code.STORE_FAILED}
    with pytest.raises(RefbusError) as caught:
        restore(gate, PASSPHRASE, other, older=True)
    assert caught.value.code is Code.BACKUP_INVALID


def test_a_lost_state_key_is_not_made_anew(gate: Path, tmp_path: Path) -> None:
    """HOME_DAMAGED, and the one of the copy is brought back: another would stand in its way."""
    copy = shutil.copytree(gate, tmp_path / "copy")
    (gate / "keys" / "state.key").unlink()
    assert refused(gate) is Code.HOME_DAMAGED
    assert not (gate / "keys" / "state.key").exists()
    restore(gate, PASSPHRASE, copy, older=False)
    assert audit_keys(gate)


def test_on_a_clean_machine(gate: Path, tmp_path: Path) -> None:
    """The whole home comes back, audit keys from a medium of their own; without that the gate does not start."""
    keys = audit_keys(gate)
    copy, apart = shutil.copytree(gate, tmp_path / "copy"), tmp_path / "apart.db"
    shutil.move(copy / "store" / AUDIT_KEYS, apart)
    for path in copy.rglob("*.key"):
        path.chmod(0o644)  # a stick knows no modes
    shutil.rmtree(gate)
    told = restore(gate, PASSPHRASE, copy, older=False)
    assert any("`erased`" in line for line in told)
    assert not any("`erased`" in line for line in restore(gate, PASSPHRASE, copy, older=False))
    assert refused(gate) is Code.HOME_DAMAGED
    restore(gate, PASSPHRASE, apart, older=False)
    assert audit_keys(gate) == keys
    assert {path.stat().st_mode & 0o077 for path in gate.rglob("*") if path.is_file()} == {0}


def test_what_the_home_has_stays(gate: Path, tmp_path: Path) -> None:
    """Newer keys, a longer list of what was erased, sound audit keys: nothing of an older copy goes over them."""
    copy = shutil.copytree(gate, tmp_path / "copy")
    home = GateHome.open(gate, PASSPHRASE)
    home.forget_cases(CASES[1:])
    home.audit_keys.of([b"c" * 32])
    home.close()
    keys = audit_keys(gate)
    (copy / "erased").write_text("00" * 32 + "\n")
    changed = copy / "keys" / "state.key"
    changed.write_bytes(changed.read_bytes()[:-9])
    assert restore(gate, PASSPHRASE, copy, older=True)[0] == "No file was missing."
    assert audit_keys(gate) == keys
    assert {line[:64] for line in erased.noted(gate / "erased", size=64)} == {name.hex() for name in CASES}
    with pytest.raises(RefbusError) as caught:
        restore(gate, PASSPHRASE, copy / "store" / AUDIT_KEYS, older=True)
    assert caught.value.code is Code.BACKUP_OLDER


@pytest.mark.parametrize("step", ["copy_whole", "_check", "flush_folder", "_put_keys_back", "_put_store_back"])
@pytest.mark.parametrize("at", ["before 1", "after 1", "before 3", "after 3"])
def test_a_stop_at_any_step_and_once_more(
    gate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, at: str
) -> None:
    """Given again on the same clean machine the restore ends as if nothing had happened; no half of a file counts."""
    keys, copy = audit_keys(gate), shutil.copytree(gate, tmp_path / "copy")
    shutil.rmtree(gate)
    owner = homecopy if hasattr(homecopy, step) else putback
    real, turns = getattr(owner, step), [int(at[-1]) if owner is homecopy else 1]

    def die(*arguments: object) -> object:
        """Die before or after the real step, at its turn."""
        turns[0] -= 1
        if turns[0]:
            return real(*arguments)
        if at.startswith("after"):
            real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, step, die)
        with pytest.raises(KeyboardInterrupt):
            restore(gate, PASSPHRASE, copy, older=False)
    restore(gate, PASSPHRASE, copy, older=True)
    assert audit_keys(gate) == keys
    assert not (gate / ".bringing-back").exists()


def test_not_beside_a_running_gate(gate: Path, tmp_path: Path) -> None:
    """HOME_IN_USE, before any file is brought back."""
    copy = shutil.copytree(gate, tmp_path / "copy")
    home = GateHome.open(gate, PASSPHRASE)
    (gate / "erased").unlink()
    with pytest.raises(RefbusError) as caught:
        restore(gate, PASSPHRASE, copy, older=True)
    home.close()
    assert caught.value.code is Code.HOME_IN_USE
    assert not (gate / "erased").exists()


def test_a_line_of_the_list_that_nobody_proves_destroys_no_key(gate: Path) -> None:
    """Whoever wrote a medium may add names that are in the copies on it: they count at the operator's word only."""
    keys = audit_keys(gate)
    for forged in (CASES[1], CASES[1] + bytes(32)):
        erased.note(gate / "erased", [forged])
    assert audit_keys(gate) == keys
    home = GateHome.open(gate, PASSPHRASE)
    assert home.unproven() == {CASES[1]}
    assert home.accept_erased() == 1
    home.close()
    assert audit_keys(gate) == {}
    home = GateHome.open(gate, PASSPHRASE)
    assert home.unproven() == frozenset()
    home.close()
