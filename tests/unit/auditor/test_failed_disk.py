"""A file of the directory that this machine cannot read is nobody's fault: no entry is left out for it."""

from __future__ import annotations

import pytest

from refbus.core.directory import Directory, Organisation
from refbus.core.ids import OrgId
from refbus.errors import Code, StoreError
from support.auditors import Auditors


def test_an_entry_waits_for_a_disk(world: Auditors, monkeypatch: pytest.MonkeyPatch) -> None:
    """The auditor ends with the code of the disk, and has the entry when it started again."""
    node = world.nodes["kz"]
    world.log(1)

    def find(_directory: Directory, _org: OrgId) -> Organisation | None:
        raise StoreError(Code.STORE_FAILED)

    with monkeypatch.context() as patched:
        patched.setattr(Directory, "find", find)
        with pytest.raises(StoreError) as caught:
            node.consume()
    assert caught.value.code is Code.STORE_FAILED
    node.restart()
    world.settle()
    assert sum(each.signed.size for each in node.core.shards()) == 1
