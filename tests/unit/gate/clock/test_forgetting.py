"""A gate forgets a case for good: an older copy of its audit keys does not bring the key of the case back."""

from __future__ import annotations

import shutil
from pathlib import Path

from refbus.core.ids import CountryCode
from refbus_gate.home import GateHome
from support.ceremonies import PASSPHRASE, lab

GONE, KEPT = b"g" * 32, b"k" * 32


def test_an_older_copy_of_the_keys_loses_them_again(tmp_path: Path) -> None:
    """The list beside the stores names the case; another case keeps its key through all of it."""
    folder = lab(tmp_path).paths.gate(CountryCode("kz"))
    home = GateHome.open(folder, PASSPHRASE)
    before = home.audit_keys.of([GONE, KEPT])
    home.close()
    copy = shutil.copy(folder / "store" / "audit-keys.db", tmp_path / "copy.db")
    home = GateHome.open(folder, PASSPHRASE)
    home.forget_cases([GONE])
    home.close()
    shutil.copy(copy, folder / "store" / "audit-keys.db")
    home = GateHome.open(folder, PASSPHRASE)
    after = home.audit_keys.of([GONE, KEPT])
    home.close()
    assert after[KEPT] == before[KEPT]
    assert after[GONE] != before[GONE]
