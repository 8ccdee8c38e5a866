from __future__ import annotations

import shutil
from pathlib import Path

from support.tree import ROOT
from tools.schemas import differences

SCHEMAS = ROOT / "schemas"


def test_lock_matches() -> None:
    """Every schema and code list is the one that LOCK names, and every version reads every other."""
    assert differences(SCHEMAS) == []


def test_lock_notices_a_change(tmp_path: Path) -> None:
    """One changed word in a schema or a code list is noticed."""
    for name in ("events/ReferralAccepted.avsc", "codelists/refbus.HoldReason.json"):
        copy = tmp_path / Path(name).stem
        shutil.copytree(SCHEMAS, copy)
        (copy / name).write_text((SCHEMAS / name).read_text(encoding="utf-8").replace("person", "persona"))
        assert differences(copy) != []
